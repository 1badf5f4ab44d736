import type { Selector, SpiffeId, TrustDomain } from "../../spiffe/index.ts";

/**
 * A registration entry: these selectors under this parent get this SPIFFE ID. Immutable; shared freely.
 * Times are Unix seconds, lives are seconds, 0 means "default" or "never" as noted.
 */
export interface RegistrationEntry {
  /** ≤ 255 characters of `[A-Za-z0-9._-]`; ours are UUIDv7. */
  readonly id: string;
  readonly spiffeId: SpiffeId;
  readonly parentId: SpiffeId;
  /** At least one; sorted by type, then value; no duplicates. */
  readonly selectors: readonly Selector[];
  /** 0 = the server's default. */
  readonly x509SvidTtl: number;
  /** 0 = the server's default. */
  readonly jwtSvidTtl: number;
  readonly federatesWith: readonly TrustDomain[];
  readonly admin: boolean;
  readonly downstream: boolean;
  /** 0 = never. */
  readonly expiresAt: number;
  readonly dnsNames: readonly string[];
  /** 0 at creation, +1 on each update. */
  readonly revisionNumber: number;
  readonly storeSvid: boolean;
  readonly hint: string;
  readonly createdAt: number;
  /** `undefined` = no additional attributes (presence matters on the wire). */
  readonly additionalAttributes: AdditionalAttributes | undefined;
}

export interface AdditionalAttributes {
  readonly disableX509SvidPrefetch: boolean;
  readonly jwtSvidIncludeJti: boolean;
}

/** The order of entries everywhere: (created_at, id). */
export function compareEntries(
  left: Pick<RegistrationEntry, "createdAt" | "id">,
  right: Pick<RegistrationEntry, "createdAt" | "id">,
): number {
  if (left.createdAt !== right.createdAt) return left.createdAt - right.createdAt;
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}
