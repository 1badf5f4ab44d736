import { connect, type Socket } from "node:net";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import { transportErrors } from "../errors/transport.ts";
import { transportLimits } from "../limits.ts";
import { Http2Channel, type RpcChannel } from "./channel.ts";
import { ConnectionPool } from "./connection-pool.ts";

export interface DialTcpOptions {
  /** An IP address: names would be resolved by somebody else (WEP-16). */
  readonly host: string;
  readonly port: number;
  readonly maxReceiveMessageBytes: number;
  readonly connectTimeoutMs?: number;
  readonly clock?: Clock;
}

/**
 * A channel without TLS, for a Workload Endpoint with a `tcp://` address (SPIFFE_Workload_Endpoint §3): such an endpoint
 * is on the same host or a link that authenticates callers by itself. Nothing is connected before the first call.
 */
export function dialTcp(options: DialTcpOptions): RpcChannel {
  const { host, port, maxReceiveMessageBytes, clock = systemClock } = options;
  const pool = new ConnectionPool({
    dial: (signal) => connectTcp(host, port, signal),
    authority: "http://localhost",
    connectTimeoutMs: options.connectTimeoutMs ?? transportLimits.connectTimeoutMs,
    keepAlive: undefined,
    clock,
  });
  return new Http2Channel(pool, { scheme: "http", authority: "localhost", maxReceiveMessageBytes, clock });
}

function connectTcp(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once("connect", () => resolve(socket));
    socket.once("error", (cause) => {
      reject(
        transportErrors.error("ERR_CONNECT_FAILED", `cannot connect to ${host}:${port}: ${cause.message}`, { cause }),
      );
    });
  });
}
