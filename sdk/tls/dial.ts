import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { connectVerifiedTls } from "../../transport/tls/index.ts";
import type { Authorizer } from "../authorize.ts";
import { tell } from "../observer.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import { contextOf } from "../source/source-context.ts";
import type { Closing } from "./closing.ts";
import { closeInTime } from "./open-connections.ts";
import { rememberPeer } from "./peers.ts";
import { verifyPeer } from "./verify-peer.ts";

/** What each way to connect takes. */
export interface VerifiedClientOptions {
  /** Which server is expected. There is no default. */
  readonly authorize: Authorizer;
}

interface DialTarget {
  readonly host: string;
  readonly port: number;
  readonly alpnProtocols: readonly string[];
  readonly allowsNoAlpn: boolean;
  /** Where TLS begins after some words in the clear. */
  readonly over?: Socket;
  readonly signal?: AbortSignal;
  readonly closing?: Closing | undefined;
  /** Lets what is under way on the connection end, and begins nothing new. */
  readonly retire?: (socket: TLSSocket) => void;
}

/**
 * A connection that shows the source's newest SVID and whose server was verified and authorised: nothing was sent to
 * it, nothing it said was looked at before.
 */
export async function dialVerified(
  source: IdentitySource,
  authorize: Authorizer,
  { closing, retire, ...target }: DialTarget,
): Promise<TLSSocket> {
  const { svid } = source;
  const { clock, observer } = contextOf(source);
  const address = `${target.host}:${target.port}`;
  const startedAt = clock.monotonic();
  const { socket, verified } = await connectVerifiedTls({
    ...target,
    identity: { chain: svid.chain.map(({ der }) => der), key: svid.key },
    verifyPeer: (chain) => verifyPeer(source, authorize, "server", chain),
  }).catch((error: unknown) => {
    // What a signal says has no code of ours.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const reason = typeof code === "string" ? code : "aborted";
    const durationMs = clock.monotonic() - startedAt;
    tell(observer, { name: "connection.refused", side: "client", address, reason, error, durationMs });
    throw error;
  });
  const durationMs = clock.monotonic() - startedAt;
  tell(observer, { name: "connection.accepted", side: "client", peer: `${verified.id}`, address, durationMs });
  rememberPeer(socket, verified);
  if (closing !== undefined) {
    const how = retire === undefined ? {} : { retire: () => retire(socket) };
    const ownNotAfter = Math.min(...svid.chain.map(({ notAfter }) => notAfter));
    closeInTime(source, { socket, peer: verified, usage: "server", ownNotAfter, closing, ...how });
  }
  return socket;
}

/** Where the parts of an https URL lead. */
export function addressOf({ hostname, port }: Pick<URL, "hostname" | "port">): Pick<DialTarget, "host" | "port"> {
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 443 : Number(port) };
}
