/**
 * One signing authority of one server (design §4 "Authority").
 *
 * preparing: the record is written, the key may not exist yet; not in the bundle.
 * prepared: in the bundle, does not sign.   active: signs; exactly one per server and kind once started.
 * old: no longer signs, still in the bundle.   tainted: old, and what it signed is being replaced.
 * revoked: not in the bundle; kept for the journal.
 */
export type AuthorityState = "preparing" | "prepared" | "active" | "old" | "tainted" | "revoked";

export type AuthorityKind = "x509" | "jwt";

export interface AuthorityRecord {
  readonly kind: AuthorityKind;
  /** X.509: lower-case hex SKI of the CA certificate. JWT: the `kid`. While `preparing`: a provisional unique id. */
  readonly id: string;
  readonly serverId: string;
  readonly state: AuthorityState;
  /** Name of the key in the KeyManager; unique per record. */
  readonly keyId: string;
  /** X.509: DER, own CA certificate first, then what is above it up to (not including) the trust anchor. JWT: empty. */
  readonly chain: readonly Uint8Array[];
  /** X.509: DER trust anchor published for this authority (self-signed: the CA itself). JWT: empty. */
  readonly anchors: readonly Uint8Array[];
  /** DER SubjectPublicKeyInfo; empty while `preparing`. */
  readonly publicKey: Uint8Array;
  /** Authority id above, "" when self-signed or JWT. */
  readonly upstreamId: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Unix seconds. */
  readonly notAfter: number;
  /** Unix seconds when it reached its state. */
  readonly changedAt: number;
}
