import { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { SPIFFEID, SPIFFEID__Output } from "../gen/spire/api/types/SPIFFEID.ts";
import { decodeWith, type Problems } from "./problems.ts";

export function encodeSpiffeId(id: SpiffeId): SPIFFEID {
  return { trust_domain: id.trustDomain.name, path: id.path };
}

/** The trust domain may be given as a name or as `spiffe://name`. Throws `ERR_MALFORMED_REQUEST` naming `field`. */
export function decodeSpiffeId(wire: SPIFFEID__Output | null, field: string): SpiffeId {
  return decodeWith((problems) => readSpiffeId(problems, field, wire));
}

export function readSpiffeId(problems: Problems, field: string, wire: SPIFFEID__Output | null): SpiffeId | undefined {
  if (wire === null) {
    problems.add(field, "is missing");
    return undefined;
  }
  return problems.attempt(field, () => SpiffeId.of(TrustDomain.parseNameOrId(wire.trust_domain), wire.path));
}

/** One per name, in the order given. */
export function readTrustDomains(problems: Problems, field: string, names: readonly string[]): readonly TrustDomain[] {
  return names.flatMap((name, index) => {
    const domain = problems.attempt(`${field}[${index}]`, () => TrustDomain.parseNameOrId(name));
    return domain === undefined ? [] : [domain];
  });
}
