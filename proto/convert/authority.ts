import type { AuthorityState } from "../gen/spire/api/server/localauthority/v1/AuthorityState.ts";

/** What the wire tells of a signing authority. */
export interface AuthoritySummary {
  readonly id: string;
  /** Unix seconds. */
  readonly notAfter: number;
  /** Lower-case hex key id of the trust anchor above; "" = none. */
  readonly upstreamId: string;
}

export function encodeAuthorityState({ id, notAfter, upstreamId }: AuthoritySummary): AuthorityState {
  return { authority_id: id, expires_at: notAfter, upstream_authority_subject_key_id: upstreamId };
}

/** The id alone: all that SPIRE tells of a revoked authority, and of a tainted JWT key. */
export function encodeAuthorityId({ id }: Pick<AuthoritySummary, "id">): AuthorityState {
  return { authority_id: id };
}
