import { decodeWith } from "../../../proto/convert/problems.ts";
import { TrustDomain } from "../../../spiffe/index.ts";
import { ServiceError } from "../../../transport/index.ts";
import { serverLimits } from "../../limits.ts";
import type { Draft } from "../batch.ts";

export const authorityLimits = {
  authorities: serverLimits.bundleAuthorities.value,
  bytes: serverLimits.bundleAuthorityBytes.value,
  urlCharacters: serverLimits.bundleEndpointUrlCharacters.value,
} as const;

/** A malformed item is refused by itself. */
export function readDraft<Value>(name: string, decode: () => Value): Draft<Value> {
  try {
    return { kind: "draft", name, value: decode() };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { kind: "malformed", name, error };
  }
}

/** A name, or `spiffe://name`. Throws ERR_MALFORMED_REQUEST. */
export function readTrustDomain(text: string): TrustDomain {
  return decodeWith((problems) => problems.attempt("trust_domain", () => TrustDomain.parseNameOrId(text)));
}

/** One item a name, in order. */
export function readTrustDomainDrafts(
  names: readonly string[],
): readonly Draft<{ readonly trustDomain: TrustDomain }>[] {
  return names.map((name) => readDraft(name, () => ({ trustDomain: readTrustDomain(name) })));
}
