import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { createVerifiedTlsServer } from "../../transport/tls/index.ts";
import { type Authorizer, checkAuthorize } from "../authorize.ts";
import { workloadLimits } from "../limits.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import { type Peer, rememberPeer } from "./peers.ts";
import { verifyPeer } from "./verify-peer.ts";

/** What each server factory takes. */
export interface VerifiedServerOptions {
  /** Who may connect. There is no default. */
  readonly authorize: Authorizer;
  /** Hears why a connection was refused; for logs. */
  readonly onRefused?: (refusal: ConnectionRefusal) => void;
  /** Connections at once, all peers. Default 10,000. */
  readonly maxConnections?: number;
}

export interface ConnectionRefusal {
  readonly reason: string;
  readonly address: string;
  readonly cause: unknown;
}

interface Protocol {
  /** The factory's name, for its TypeError. */
  readonly factory: string;
  readonly alpnProtocols: readonly string[];
  readonly allowsNoAlpn: boolean;
}

/**
 * Puts mutual TLS 1.3 in front of a server: `take` gets the connections whose client was verified and authorised, and
 * nothing else of the server ever sees a TCP connection.
 *
 * @throws TypeError when `authorize` is missing; WorkloadError ERR_SOURCE_… when the source has no identity
 */
export function acceptVerified(
  server: Server,
  source: IdentitySource,
  options: VerifiedServerOptions,
  { factory, ...alpn }: Protocol,
  take: (socket: TLSSocket) => void,
): void {
  checkAuthorize(options, factory);
  const { authorize, onRefused, maxConnections = workloadLimits.serverConnections.value } = options;
  const acceptor = createVerifiedTlsServer<Peer>({
    identity: () => ({ chain: source.svid.chain.map(({ der }) => der), key: source.svid.key }),
    clientCertificate: "required",
    verifyPeer: (chain) => verifyPeer(source, authorize, "client", chain),
    ...alpn,
    limits: {
      handshakeTimeoutMs: workloadLimits.handshakeTimeoutMs.value,
      maxHalfOpen: workloadLimits.serverHalfOpen.value,
      maxConnections,
      maxConnectionsPerAddress: maxConnections,
    },
    onConnection: ({ socket, client }) => {
      if (client === undefined) {
        socket.destroy();
        return;
      }
      rememberPeer(socket, client.verified);
      take(socket);
    },
    ...(onRefused === undefined
      ? {}
      : { onRefused: (reason, address, cause) => onRefused({ reason, address, cause }) }),
  });
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => acceptor.accept(socket));
  const stopFollowing = source.onChange(() => {
    try {
      acceptor.updateIdentity();
    } catch {
      // Without an identity the old certificate stays in place, and `verifyPeer` refuses everybody.
    }
  });
  server.once("close", stopFollowing);
}
