import { SpiffeId, type TrustDomain } from "../../spiffe/index.ts";
import { knownOptions } from "../known-options.ts";
import { UsageError } from "../usage-error.ts";

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

/** @throws SpiffeError as `SpiffeId.of`; UsageError ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID */
export function readIdentity(trustDomain: TrustDomain, identity: string | TestIdentity): KnownIdentity {
  const parts = typeof identity === "string" ? { path: identity } : identity;
  knownOptions(parts, ["path", "hint", "dnsNames"], "an identity");
  const { path, hint = "", dnsNames = [] } = parts;
  if (typeof path !== "string") {
    throw new UsageError("ERR_ARGUMENT_INVALID", "an identity has a `path`", {
      fix: 'give "/web", or { path: "/web" }',
    });
  }
  return { id: SpiffeId.of(trustDomain, path), hint, dnsNames };
}
