import type { Certificate } from "../../certs/index.ts";
import { systemClock } from "../../runtime/core/index.ts";
import { verifyX509Svid } from "../../spiffe/index.ts";
import { type Authorizer, decide } from "../authorize.ts";
import { WorkloadError } from "../errors.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import type { Peer } from "./peers.ts";

/** How a peer's chain was verified: leaf … authority. */
const paths = new WeakMap<Peer, readonly Certificate[]>();

/**
 * When the first certificate of the peer's verified path expires, or has expired: the chain is not valid after that.
 */
export function peerNotAfter(peer: Peer): number {
  return Math.min(...(paths.get(peer) ?? [peer.leaf]).map(({ notAfter }) => notAfter));
}

/**
 * Whether the peer's chain is valid now, maybe on another path than before: its authority can have been renewed.
 */
export function isStillValid(source: IdentitySource, peer: Peer, usage: "client" | "server", atMs: number): boolean {
  try {
    paths.set(peer, verifyX509Svid({ chain: peer.chain, bundles: source, atMs, usage }).path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Verifies a peer's chain against the newest bundle of its own trust domain, then asks `authorize`. Fails closed when
 * we have no valid identity ourselves.
 * @throws SpiffeError what is wrong with the chain; WorkloadError ERR_PEER_UNAUTHORIZED, ERR_SOURCE_…
 */
export function verifyPeer(
  source: IdentitySource,
  authorize: Authorizer,
  usage: "client" | "server",
  chain: readonly Certificate[],
): Peer {
  // Reading it throws when it is gone or expired.
  void source.svid;
  const verified = verifyX509Svid({ chain, bundles: source, atMs: systemClock.now(), usage });
  const [leaf] = verified.chain;
  const decision = decide(authorize, verified.id);
  if (!decision.allow) throw new WorkloadError("ERR_PEER_UNAUTHORIZED", decision.reason, { reason: decision.code });
  if (leaf === undefined) throw new WorkloadError("ERR_PEER_UNAUTHORIZED", "the peer showed no certificate");
  const peer = { id: verified.id, leaf, chain: verified.chain };
  paths.set(peer, verified.path);
  return peer;
}

/**
 * Whether the chain of a peer that was verified verifies under the bundles of now. That it has expired since is no
 * distrust: it is judged as of its last moment.
 */
export function isStillTrusted(source: IdentitySource, peer: Peer, usage: "client" | "server", nowMs: number): boolean {
  const anchor = paths.get(peer)?.at(-1);
  const authorities = source.get(peer.id.trustDomain)?.x509Authorities ?? [];
  if (anchor !== undefined && authorities.some(({ certificate }) => certificate.equals(anchor))) return true;
  return isStillValid(source, peer, usage, Math.min(nowMs, ...peer.chain.map(({ notAfter }) => notAfter)));
}
