import type { Certificate } from "../../certs/index.ts";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import { transportLimits } from "../limits.ts";
import { connectVerifiedTls, type TlsIdentity } from "../tls/index.ts";
import { Http2Channel, type RpcChannel } from "./channel.ts";
import { ConnectionPool, type KeepAlive } from "./connection-pool.ts";

export interface DialTlsOptions {
  readonly address: { readonly host: string; readonly port: number };
  /** Asked for each connection; without it the client is anonymous. */
  readonly identity?: () => TlsIdentity;
  /** Judges the server's chain and throws to refuse it. No byte of a call leaves before it returned. */
  readonly verifyServer: (chain: readonly Certificate[]) => void;
  /** TCP and TLS together, milliseconds. */
  readonly connectTimeoutMs?: number;
  readonly maxReceiveMessageBytes?: number;
  /** HTTP/2 pings; TCP keep-alive is always on. */
  readonly keepAlive?: KeepAlive;
  /** The server asked the connection to leave (GOAWAY): open calls go on, the next one gets a new connection. */
  readonly onLeaving?: () => void;
  readonly clock?: Clock;
}

/**
 * A channel over TLS 1.3. Nothing is connected before the first call; each new connection is verified afresh. Calls
 * reject with `ERR_PEER_NOT_VERIFIED` when the server is not the right one.
 */
export function dialTls(options: DialTlsOptions): RpcChannel {
  const { clock = systemClock } = options;
  const { host, port } = options.address;
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const pool = new ConnectionPool({
    dial: async (signal) => {
      const identity = options.identity?.();
      const { socket } = await connectVerifiedTls({
        host,
        port,
        ...(identity === undefined ? {} : { identity }),
        verifyPeer: options.verifyServer,
        alpnProtocols: ["h2"],
        signal,
      });
      return socket;
    },
    authority: `https://${authority}`,
    connectTimeoutMs: options.connectTimeoutMs ?? transportLimits.connectTimeoutMs,
    keepAlive: options.keepAlive,
    onLeaving: options.onLeaving,
    clock,
  });
  const maxReceiveMessageBytes = options.maxReceiveMessageBytes ?? transportLimits.tcp.maxSendMessageBytes;
  return new Http2Channel(pool, { scheme: "https", authority, maxReceiveMessageBytes, clock });
}
