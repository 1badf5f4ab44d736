import { connect, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../../runtime/core/index.ts";
import { transportErrors } from "../../transport/errors/transport.ts";
import type { Authorizer } from "../authorize.ts";
import { workloadLimits } from "../limits.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import { contextOf } from "../source/source-context.ts";
import { dialVerified } from "../tls/dial.ts";

export interface ClientTarget {
  readonly host: string;
  readonly port: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** What is said in the clear before TLS begins. It leaves nothing unread, and knows nothing worth keeping secret. */
  readonly negotiate?: (socket: Socket) => Promise<void>;
}

/**
 * A verified connection for a library: within 10 s, all in all.
 * @throws as `dialVerified`; ServiceError ERR_CONNECT_FAILED, also for what the negotiation throws
 */
export async function connectClient(
  source: IdentitySource,
  authorize: Authorizer,
  { host, port, signal, negotiate }: ClientTarget,
): Promise<TLSSocket> {
  const target = { host, port, alpnProtocols: [], allowsNoAlpn: true };
  return within(`${host}:${port}`, { signal, clock: contextOf(source).clock }, async (limited) => {
    // No connection is begun that could not be ended: there must be an identity.
    void source.svid;
    if (negotiate === undefined) return dialVerified(source, authorize, { ...target, signal: limited });
    const over = await connectTcp(target, limited);
    try {
      await negotiated(over, negotiate, limited);
      return await dialVerified(source, authorize, { ...target, over, signal: limited });
    } catch (error) {
      over.destroy();
      throw error;
    }
  });
}

async function within<T>(
  where: string,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
  act: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const ms = workloadLimits.connectTimeoutMs.value;
  const tooSlow = (): void =>
    limit.abort(transportErrors.error("ERR_CONNECT_FAILED", `no connection to ${where} within ${ms} ms`));
  const timer = clock.setTimer(ms, tooSlow);
  const onAbort = (): void => limit.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await act(limit.signal);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

function connectTcp({ host, port }: Pick<ClientTarget, "host" | "port">, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host, port, noDelay: true });
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const settled = (): void => signal.removeEventListener("abort", onAbort);
    socket.on("error", (cause) => {
      settled();
      const text = `cannot connect to ${host}:${port}: ${cause.message || "refused"}`;
      reject(transportErrors.error("ERR_CONNECT_FAILED", text, { cause }));
    });
    socket.once("connect", () => {
      settled();
      resolve(socket);
    });
  });
}

async function negotiated(
  socket: Socket,
  negotiate: (socket: Socket) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await negotiate(socket);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  // What an attacker slipped in here must not count as said by the verified server.
  if (socket.readableLength > 0) throw refusedTls("said more than its answer before TLS");
}

/** @param what the server did */
export function refusedTls(what: string): Error {
  return transportErrors.error("ERR_CONNECT_FAILED", `the server ${what}`);
}

/**
 * Waits for bytes in the clear and takes what `take` takes of them: `undefined` asks for more. Or for what `instead`
 * brings.
 */
export function readPlain<T>(
  socket: Socket,
  take: (socket: Socket) => T | undefined,
  instead?: Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      socket.off("readable", look).off("end", onEnd).off("close", onEnd);
      settle();
    };
    const look = (): void => {
      try {
        const taken = take(socket);
        if (taken !== undefined) end(() => resolve(taken));
      } catch (error) {
        end(() => reject(error));
      }
    };
    const onEnd = (): void => end(() => reject(refusedTls("closed the connection before TLS")));
    socket.on("readable", look).on("end", onEnd).on("close", onEnd);
    void instead?.then((value) => end(() => resolve(value)));
    look();
  });
}
