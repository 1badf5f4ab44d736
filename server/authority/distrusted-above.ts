import type { SpiffeBundle } from "../../spiffe/index.ts";
import type { AuthorityRecord } from "../domain/authority.ts";

/**
 * Key ids of the trust anchors above that nothing new may rest on: tainted in the bundle, or revoked by an operator,
 * which only our records remember, until everything below the anchor is dead.
 */
export function distrustedAbove(records: readonly AuthorityRecord[], bundle: SpiffeBundle): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { certificate, tainted } of bundle.x509Authorities) {
    if (tainted && certificate.subjectKeyId !== undefined) ids.add(certificate.subjectKeyId);
  }
  for (const id of revokedAbove(records)) ids.add(id);
  return ids;
}

/** Of these the ones that an operator has revoked. */
export function revokedAbove(records: readonly AuthorityRecord[]): ReadonlySet<string> {
  return new Set(
    records.flatMap(({ state, upstreamId }) => (state === "revoked" && upstreamId !== "" ? [upstreamId] : [])),
  );
}
