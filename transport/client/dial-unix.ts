import { connect, type Socket } from "node:net";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import { transportErrors } from "../errors/transport.ts";
import { transportLimits } from "../limits.ts";
import { checkSocketPath } from "../unix/socket-path.ts";
import { Http2Channel, type RpcChannel } from "./channel.ts";
import { ConnectionPool } from "./connection-pool.ts";

export interface DialUnixOptions {
  readonly path: string;
  readonly connectTimeoutMs?: number;
  /** Default: 64 MiB; the other side is a program of this host that the caller chose. */
  readonly maxReceiveMessageBytes?: number;
  readonly clock?: Clock;
}

/** A channel to a Unix socket. Nothing is connected before the first call. Throws `ERR_SOCKET_PATH_TOO_LONG`. */
export function dialUnix(options: DialUnixOptions): RpcChannel {
  const { path, clock = systemClock } = options;
  checkSocketPath(path);
  const pool = new ConnectionPool({
    dial: (signal) => connectUnix(path, signal),
    authority: "http://localhost",
    connectTimeoutMs: options.connectTimeoutMs ?? transportLimits.connectTimeoutMs,
    keepAlive: undefined,
    clock,
  });
  const maxReceiveMessageBytes = options.maxReceiveMessageBytes ?? transportLimits.adminSocket.maxSendMessageBytes;
  return new Http2Channel(pool, { scheme: "http", authority: "localhost", maxReceiveMessageBytes, clock });
}

function connectUnix(path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      resolve(socket);
    });
    socket.once("error", (cause) => {
      signal.removeEventListener("abort", onAbort);
      reject(transportErrors.error("ERR_CONNECT_FAILED", `cannot connect to ${path}: ${cause.message}`, { cause }));
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
