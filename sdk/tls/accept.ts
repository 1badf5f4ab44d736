import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { Certificate } from "../../certs/index.ts";
import type { X509Svid } from "../../spiffe/index.ts";
import { createVerifiedTlsServer } from "../../transport/tls/index.ts";
import { type Authorizer, checkAuthorize } from "../authorize.ts";
import { callHook } from "../call-hook.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import { workloadLimits } from "../limits.ts";
import { tell } from "../observer.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import { contextOf } from "../source/source-context.ts";
import { type ClosingOptions, readClosing } from "./closing.ts";
import { closeInTime } from "./open-connections.ts";
import { type Peer, rememberPeer } from "./peers.ts";
import { verifyPeer } from "./verify-peer.ts";

/** What each server factory takes. */
export interface VerifiedServerOptions extends ClosingOptions {
  /** Who may connect. There is no default. */
  readonly authorize: Authorizer;
  /**
   * Hears why a connection was refused; for logs. What it throws changes nothing and becomes a process warning with the
   * code `COUNTERSIGN_HOOK_FAILED`, once.
   */
  readonly onRefused?: (refusal: ConnectionRefusal) => void;
  /** Connections at once, all peers. Default 10,000. */
  readonly maxConnections?: number;
}

/** Why a connection was refused, before a byte of application data was looked at. */
export interface ConnectionRefusal {
  /** In a word: `handshake-failed`, `no-certificate`, `certificate-not-verified`, `too-many-connections`, … */
  readonly reason: string;
  /** Where the connection came from. */
  readonly address: string;
  /** The error underneath, when there is one: a `SpiffeError`, or a `WorkloadError` ERR_PEER_UNAUTHORIZED. */
  readonly cause: unknown;
}

interface Protocol {
  /** The factory's name, for its errors. */
  readonly factory: string;
  readonly alpnProtocols: readonly string[];
  readonly allowsNoAlpn: boolean;
  /** What its options have besides those of each server. */
  readonly ownOption: string;
}

const serverOptions = ["authorize", "onRefused", "maxConnections", "closeWhen", "closeGraceMs"] as const;

/** Lets what is under way on a connection end, and begins nothing new. */
export type Retire = () => void;

/**
 * Puts mutual TLS 1.3 in front of a server: `take` gets the connections whose client was verified and authorised, and
 * nothing else of the server ever sees a TCP connection. It answers how to retire one, if its protocol can.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; WorkloadError ERR_SOURCE_… when
 * the source has no identity
 */
export function acceptVerified(
  server: Server,
  source: IdentitySource,
  options: VerifiedServerOptions,
  { factory, ownOption, ...alpn }: Protocol,
  take: (socket: TLSSocket) => Retire | undefined,
): void {
  checkSource(source, factory);
  checkAuthorize(options, factory);
  knownOptions(options, [...serverOptions, ownOption], factory);
  const closing = readClosing(options, factory);
  const { observer } = contextOf(source);
  const { authorize, onRefused, maxConnections = workloadLimits.serverConnections.value } = options;
  /** The one shown now and the one before it, which handshakes can still be under way with. */
  let shown: readonly X509Svid[] = [];
  const acceptor = createVerifiedTlsServer<Peer>({
    identity: () => {
      const { svid } = source;
      shown = [svid, ...shown].slice(0, 2);
      return { chain: svid.chain.map(({ der }) => der), key: svid.key };
    },
    clientCertificate: "required",
    verifyPeer: (chain) => verifyPeer(source, authorize, "client", chain),
    ...alpn,
    limits: {
      handshakeTimeoutMs: workloadLimits.handshakeTimeoutMs.value,
      maxHalfOpen: workloadLimits.serverHalfOpen.value,
      maxConnections,
      maxConnectionsPerAddress: maxConnections,
    },
    onConnection: ({ socket, client, address }) => {
      if (client === undefined) {
        socket.destroy();
        return;
      }
      const peer = client.verified;
      rememberPeer(socket, peer);
      tell(observer, {
        name: "connection.accepted",
        side: "server",
        peer: `${peer.id}`,
        address,
        durationMs: undefined,
      });
      const retire = take(socket);
      if (closing === undefined) return;
      const ownNotAfter = closing.reasons.has("own-expired") ? notAfterOfOwn(socket, shown) : Number.POSITIVE_INFINITY;
      const how = retire === undefined ? {} : { retire };
      closeInTime(source, { socket, peer, usage: "client", ownNotAfter, closing, ...how });
    },
    onRefused: (reason, address, error) => {
      callHook("onRefused", onRefused, { reason, address, cause: error });
      tell(observer, { name: "connection.refused", side: "server", address, reason, error, durationMs: undefined });
    },
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

/** Of the chain that this very handshake showed: the source may have a newer one since it began. */
function notAfterOfOwn(socket: TLSSocket, shown: readonly X509Svid[]): number {
  const own = socket.getX509Certificate();
  if (own === undefined) return 0;
  const leaf = Certificate.parse(own.raw);
  const chain = shown.find((svid) => svid.leaf.equals(leaf))?.chain ?? [leaf];
  return Math.min(...chain.map(({ notAfter }) => notAfter));
}
