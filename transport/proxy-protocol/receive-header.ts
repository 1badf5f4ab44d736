import type { Socket } from "node:net";
import type { Clock } from "../../runtime/core/index.ts";
import type { ServiceError } from "../errors/service-error.ts";
import { transportErrors } from "../errors/transport.ts";
import { type ProxiedSource, readProxyHeader } from "./header.ts";

/**
 * Takes the header off the front of a connection and leaves the rest to be read by whoever comes next. Exactly one of the
 * two is called, at most once; none when the connection ends before. `onRefused` gets ERR_PROXY_HEADER.
 */
export function receiveProxyHeader(
  socket: Socket,
  limits: { readonly clock: Clock; readonly timeoutMs: number },
  onHeader: (source: ProxiedSource | undefined) => void,
  onRefused: (error: ServiceError) => void,
): void {
  let received: Buffer = Buffer.alloc(0);
  const stop = (): void => {
    timer.cancel();
    socket.off("readable", onReadable);
    socket.off("close", stop);
  };
  const refuse = (reason: string): void => {
    stop();
    onRefused(transportErrors.error("ERR_PROXY_HEADER", reason));
  };
  const onReadable = (): void => {
    for (let chunk: unknown = socket.read(); chunk !== null; chunk = socket.read()) {
      if (chunk instanceof Buffer) received = Buffer.concat([received, chunk]);
    }
    const reading = readProxyHeader(received);
    if (reading.kind === "malformed") refuse(reading.reason);
    if (reading.kind !== "header") return;
    stop();
    // TLS reads what a socket has buffered first.
    if (received.length > reading.bytes) socket.unshift(received.subarray(reading.bytes));
    onHeader(reading.source);
  };
  const timer = limits.clock.setTimer(limits.timeoutMs, () => refuse("the header did not come in time"));
  socket.on("readable", onReadable);
  socket.once("close", stop);
}
