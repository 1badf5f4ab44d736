import type { Certificate } from "../../certs/index.ts";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import { verifyX509Svid } from "../../spiffe/index.ts";
import { type Authorizer, decide } from "../authorize.ts";
import { WorkloadError } from "../errors.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import type { Peer } from "./peers.ts";

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
  clock: Clock = systemClock,
): Peer {
  // Reading it throws when it is gone or expired.
  void source.svid;
  const verified = verifyX509Svid({ chain, bundles: source, atMs: clock.now(), usage });
  const [leaf] = verified.chain;
  const decision = decide(authorize, verified.id);
  if (!decision.allow) throw new WorkloadError("ERR_PEER_UNAUTHORIZED", decision.reason, { reason: decision.code });
  if (leaf === undefined) throw new WorkloadError("ERR_PEER_UNAUTHORIZED", "the peer showed no certificate");
  return { id: verified.id, leaf, chain: verified.chain };
}
