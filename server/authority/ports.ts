import type { KeyObject } from "node:crypto";
import type { Certificate, IssuerInfo } from "../../certs/index.ts";
import type { JwtAuthority, SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import type { AuthorityKind, AuthorityRecord } from "../domain/authority.ts";
import type { Signer } from "../issuance/ports.ts";

/** Names in a CA's subject; a serialNumber attribute makes each CA's subject its own. */
export interface CaSubject {
  readonly country?: string;
  readonly organization?: string;
  readonly commonName?: string;
}

interface MintX509CaRequest {
  readonly trustDomain: TrustDomain;
  /** Of the new CA's key: adapters make a certificate request, or the certificate itself, with it. */
  readonly signer: Signer;
  readonly subject: CaSubject;
  /** Life asked for, seconds. The upstream may give less. */
  readonly ttl: number;
}

export interface MintedX509Ca {
  /** DER, own CA certificate first, then what is above it up to, not including, the trust anchor (unless it is its own). */
  readonly chain: readonly Uint8Array[];
  /** DER, at least one; all are published. */
  readonly anchors: readonly Uint8Array[];
  /** Lower-case hex SKI of the trust anchor that the chain ends under; "" when self-signed. */
  readonly upstreamId: string;
}

/** The CA above ours. Its answer is not trusted: a throw-away SVID is verified under it before it is published. */
export interface UpstreamAuthority {
  /** There is nothing above: our CAs are trust anchors, and an operator may taint and revoke them one by one. */
  readonly isSelfSigned?: true;
  /** Rejects with a coded error; it is then asked again with growing delays, and the current authority goes on signing. */
  mintX509Ca(request: MintX509CaRequest): Promise<MintedX509Ca>;
  /**
   * Resolves when the trust domain above has the key in its bundle: it may sign from then on. Absent: what is above
   * takes no JWT keys, they are in our own bundle only.
   */
  publishJwtKey?(key: JwtAuthority): Promise<void>;
  /** Calls `onBundle` with what is trusted above, now and after each change, until aborted. Absent: nothing to follow. */
  followBundle?(onBundle: (bundle: UpstreamBundle) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** What is trusted above; `jwt` is `undefined` where JWT keys are not known there. */
export interface UpstreamBundle {
  /**
   * Says all that is trusted above: what is missing was taken out there. False where only what is used next is known, as
   * with files: what was used before is trusted until it ends, or until an operator revokes it.
   */
  readonly isComplete: boolean;
  readonly x509: readonly { readonly certificateDer: Uint8Array; readonly tainted: boolean }[];
  readonly jwt: readonly JwtAuthority[] | undefined;
}

/** The authorities of one kind that an operator has to do with. */
export interface AuthorityStates {
  readonly active: AuthorityRecord;
  readonly prepared: AuthorityRecord | undefined;
  /** The one that was active last, as long as it is not pruned; tainted and revoked ones too. */
  readonly old: AuthorityRecord | undefined;
}

/**
 * What an operator does with this server's authorities, beside the rotation that goes on by itself. Every method
 * rejects with ERR_AUTHORITY_UNAVAILABLE while nothing signs, and with ERR_JWT_DISABLED where there are no JWT keys.
 */
export interface AuthorityOperations {
  readonly hasUpstream: boolean;
  states(kind: AuthorityKind): AuthorityStates;
  /** A new authority in the bundle, in place of one that was prepared before. */
  prepare(kind: AuthorityKind): Promise<AuthorityRecord>;
  /** Lets the prepared one sign. Errors: ERR_AUTHORITY_ID, ERR_AUTHORITY_TRANSITION. */
  activate(kind: AuthorityKind, id: string): Promise<AuthorityRecord>;
  /** Has everything that an old authority signed replaced. Errors: ERR_AUTHORITY_ID, ERR_AUTHORITY_TRANSITION, ERR_UPSTREAM_AUTHORITY. */
  taint(kind: AuthorityKind, id: string): Promise<AuthorityRecord>;
  /** The record that `revoke` would revoke; throws as `revoke` does. */
  revocable(kind: AuthorityKind, id: string): Promise<AuthorityRecord>;
  /** Takes a tainted authority out of the bundle, whatever rests on it. Errors as `taint`. */
  revoke(kind: AuthorityKind, id: string): Promise<AuthorityRecord>;
  /** Taints a trust anchor above, and with it the old authorities below it. Resolves with its id. Errors as `taint`. */
  taintUpstream(subjectKeyId: string): Promise<string>;
  /** Own authorities below the tainted anchor that `revokeUpstream` would revoke; throws as it does. */
  revocableUpstream(subjectKeyId: string): Promise<readonly AuthorityRecord[]>;
  /** Takes a tainted trust anchor out of the bundle. Errors as `taint`. */
  revokeUpstream(subjectKeyId: string): Promise<string>;
}

/** The X.509 CA that signs now. */
export interface X509Issuer {
  /** Lower-case hex SKI. */
  readonly authorityId: string;
  readonly signer: Signer;
  /** For the signing workers; `undefined` when the key manager is remote. */
  readonly localKey: KeyObject | undefined;
  readonly info: IssuerInfo;
  readonly certificate: Certificate;
  /** DER, what follows the leaf in a served chain: intermediates, no trust anchor. */
  readonly chain: readonly Uint8Array[];
  /** Unix seconds; no SVID outlives it. */
  readonly notAfter: number;
}

/** The JWT key that signs now. */
export interface JwtIssuer {
  /** The `kid`. */
  readonly authorityId: string;
  readonly signer: Signer;
  /** Unix seconds; no SVID outlives it. */
  readonly notAfter: number;
}

export interface AuthorityHealth {
  readonly kind: AuthorityKind;
  /** Whether SVIDs of this kind can be issued now. */
  readonly ready: boolean;
  /** Unix seconds; `undefined` while nothing signs. */
  readonly activeUntil: number | undefined;
  /** Why the last rotation step failed; `undefined` when it did not. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
}

/** What the rest of the server sees of its authorities. */
export interface SigningAuthorities {
  readonly trustDomain: TrustDomain;
  /** @throws ERR_AUTHORITY_UNAVAILABLE */
  x509Issuer(): X509Issuer;
  /** @throws ERR_AUTHORITY_UNAVAILABLE also when JWT-SVIDs are switched off */
  jwtIssuer(): JwtIssuer;
  /** Own bundle as of the last change made here; changes by other servers arrive through the feed, not here. */
  readonly bundle: SpiffeBundle;
  records(): readonly AuthorityRecord[];
  health(): readonly AuthorityHealth[];
  /** Called after the issuer, a record or the bundle changed. Returns the unsubscriber. */
  onChanged(listener: () => void): () => void;
}
