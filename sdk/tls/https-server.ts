import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import type { Socket } from "node:net";
import { createVerifiedTlsServer } from "../../transport/tls/index.ts";
import type { Authorizer } from "../authorize.ts";
import type { X509Source } from "../source/x509-source.ts";
import { type Peer, rememberPeer } from "./peers.ts";
import { verifyPeer } from "./verify-peer.ts";

export interface HttpsServerOptions {
  /** Who may connect. There is no default. */
  readonly authorize: Authorizer;
  /** Of node:http. */
  readonly http?: ServerOptions;
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

const limits = { handshakeTimeoutMs: 5_000, maxHalfOpen: 512 };

/**
 * An http server behind mutual TLS 1.3 with the source's identity: use it like one of `node:https` (listen, close,
 * express and fastify handlers, upgrades). A client is verified against the bundle of its own trust domain and
 * authorised before one byte of its request is looked at; without a certificate it is refused. New connections always
 * use the newest SVID; open ones stay.
 *
 * @throws TypeError when `authorize` is missing; WorkloadError ERR_SOURCE_… when the source has no identity
 */
export function createHttpsServer(source: X509Source, options: HttpsServerOptions, handler?: RequestListener): Server {
  if (typeof options?.authorize !== "function") throw new TypeError("createHttpsServer needs `authorize`");
  const { authorize, onRefused, maxConnections = 10_000 } = options;
  const server = createServer(options.http ?? {}, handler);
  // node:http would parse requests right from the TCP socket; it gets them from verified connections only.
  const parseRequests = server.listeners("connection");
  server.removeAllListeners("connection");
  const acceptor = createVerifiedTlsServer<Peer>({
    identity: () => ({ chain: source.svid.chain.map(({ der }) => der), key: source.svid.key }),
    clientCertificate: "required",
    verifyPeer: (chain) => verifyPeer(source, authorize, "client", chain),
    alpnProtocols: ["http/1.1"],
    allowsNoAlpn: true,
    limits: { ...limits, maxConnections, maxConnectionsPerAddress: maxConnections },
    onConnection: ({ socket, client }) => {
      if (client === undefined) {
        socket.destroy();
        return;
      }
      rememberPeer(socket, client.verified);
      for (const parse of parseRequests) Reflect.apply(parse, server, [socket]);
    },
    ...(onRefused === undefined
      ? {}
      : { onRefused: (reason, address, cause) => onRefused({ reason, address, cause }) }),
  });
  server.on("connection", (socket: Socket) => acceptor.accept(socket));
  const stopFollowing = source.onChange(() => {
    try {
      acceptor.updateIdentity();
    } catch {
      // Without an identity the old certificate stays in place, and `verifyPeer` refuses everybody.
    }
  });
  server.once("close", stopFollowing);
  return server;
}
