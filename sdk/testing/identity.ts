import { SpiffeId, type TrustDomain } from "../../spiffe/index.ts";

/** An identity that a program under test has. */
export interface TestIdentity {
  /** As `/web`; the trust domain is the issuer's. */
  readonly path: string;
  /** What tells several identities apart (SPIFFE_Workload_API §8). */
  readonly hint?: string;
  /** DNS names in the X509-SVID, for peers that look at them. */
  readonly dnsNames?: readonly string[];
}

export interface KnownIdentity {
  readonly id: SpiffeId;
  readonly hint: string;
  readonly dnsNames: readonly string[];
}

/** @throws SpiffeError as `SpiffeId.parse` */
export function readIdentity(trustDomain: TrustDomain, identity: string | TestIdentity): KnownIdentity {
  const { path, hint = "", dnsNames = [] } = typeof identity === "string" ? { path: identity } : identity;
  return { id: SpiffeId.of(trustDomain, path), hint, dnsNames };
}
