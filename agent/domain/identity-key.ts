import type { RegistrationEntry } from "../../proto/domain/entry.ts";

declare const brand: unique symbol;

/**
 * What the cache is keyed by. Opaque: today one per entry; rules that make identities at request time will have keys
 * of another form, and nothing but this file will know.
 */
export type IdentityKey = string & { readonly [brand]: "IdentityKey" };

export function identityKeyOf(entry: Pick<RegistrationEntry, "id">): IdentityKey {
  return entry.id as IdentityKey;
}

/**
 * The part of an entry that is inside its X509-SVID. Another fingerprint means that a new SVID is due; a new
 * revision that changes only selectors or the hint does not.
 */
export function x509Fingerprint(entry: RegistrationEntry): string {
  return JSON.stringify([entry.spiffeId.toString(), entry.dnsNames, entry.x509SvidTtl, entry.downstream]);
}

/** The same for JWT-SVIDs. */
export function jwtFingerprint(entry: RegistrationEntry): string {
  return JSON.stringify([entry.spiffeId.toString(), entry.jwtSvidTtl]);
}
