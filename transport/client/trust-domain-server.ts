import type { Certificate } from "../../certs/index.ts";
import { type SpiffeBundle, SpiffeId, type TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";

/** `spiffe://<trust domain>/spire/server`: what servers of a trust domain are called, ours and SPIRE's. */
export function serverIdOf(trustDomain: TrustDomain): SpiffeId {
  return SpiffeId.of(trustDomain, "/spire/server");
}

export interface ServerChain {
  /** Leaf first. */
  readonly chain: readonly Certificate[];
  readonly trustDomain: TrustDomain;
  /** Each vouches for its own trust domain only; more than that of the server make a better message, nothing else. */
  readonly bundles: { get(trustDomain: TrustDomain): SpiffeBundle | undefined };
  readonly atMs: number;
}

/** Whether the other side is the server of the trust domain. For `verifyServer`; throws to refuse it, saying why. */
export function verifyTrustDomainServer({ chain, trustDomain, bundles, atMs }: ServerChain): void {
  const { id } = verifyX509Svid({ chain, bundles, atMs, usage: "server" });
  if (!id.equals(serverIdOf(trustDomain))) throw new WrongServerError(id.toString(), trustDomain);
}

/** The chain verifies, but for somebody else. */
export class WrongServerError extends Error {
  override readonly name = "WrongServerError";

  constructor(who: string, trustDomain: TrustDomain) {
    super(`the other side is ${who}, not ${serverIdOf(trustDomain)}`);
  }
}
