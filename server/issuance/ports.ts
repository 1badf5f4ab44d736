import type { KeyObject } from "node:crypto";
import type { IssuedJwtSvid, IssuedX509Svid } from "../../proto/domain/link.ts";
import type { SpiffeId } from "../../spiffe/index.ts";

export type SignatureAlgorithm = "ES256" | "ES384" | "RS256";

/** Signs with a key that may live elsewhere (worker, KMS, PKCS#11). */
export interface Signer {
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: KeyObject;
  /** Signature over `message` (hashed as the algorithm says); X.509 encoding (ECDSA: DER SEQUENCE of r, s). */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export type AuthorityKeyType = "ec-p256" | "ec-p384" | "rsa-2048" | "rsa-4096";

/** Creates keys and makes signers of them; private keys are not handed out. */
export interface KeyManager {
  /** Durable when it resolves (for durable managers). Replaces a key of the same id. */
  generateKey(keyId: string, type: AuthorityKeyType): Promise<KeyObject>;
  /** Public key, or `undefined` when there is no such key. */
  publicKey(keyId: string): Promise<KeyObject | undefined>;
  listKeyIds(): Promise<readonly string[]>;
  deleteKey(keyId: string): Promise<void>;
  signer(keyId: string): Promise<Signer>;
  /** The private key, from managers whose keys are local; `undefined` from remote ones. For the signing workers only. */
  localKey(keyId: string): Promise<KeyObject | undefined>;
}

export interface X509IssueRequest {
  readonly id: SpiffeId;
  readonly csrDer: Uint8Array;
  readonly dnsNames: readonly string[];
  /** Seconds asked for; 0 = the server's default for that kind. Capped by the issuer's end and `notAfterCap`. */
  readonly ttl: number;
  /** Unix seconds the SVID may not outlive (entry expiry); 0 = none. */
  readonly notAfterCap: number;
  readonly hint: string;
  readonly profile: "workload" | "agent";
  /** The certificate has the subject of the request, where that is not empty. */
  readonly keepsSubject?: true;
}

export type X509IssueOutcome =
  | { readonly kind: "issued"; readonly svid: IssuedX509Svid; readonly serialNumber: string }
  /** `ERR_CSR_…` codes. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

export interface JwtIssueRequest {
  readonly id: SpiffeId;
  readonly audience: readonly string[];
  readonly ttl: number;
  readonly notAfterCap: number;
  readonly hint: string;
  readonly includeJti: boolean;
}

/**
 * The one pipeline: possession → template → sign → re-check → return. Policy (may this caller have it?) has been
 * decided by the caller of this port, at signing time, from the authorised set.
 */
export interface Issuance {
  /** Outcomes in order. Work is split over the workers; the event loop is never held for long. */
  issueX509Svids(requests: readonly X509IssueRequest[]): Promise<readonly X509IssueOutcome[]>;
  issueJwtSvid(request: JwtIssueRequest): Promise<IssuedJwtSvid>;
  /** The server's own SVID (`spiffe://td/spire/server`) for TLS, with a fresh key; valid under the bundle. */
  issueServerSvid(): Promise<{
    readonly chain: readonly Uint8Array[];
    readonly key: KeyObject;
    readonly notAfter: number;
  }>;
}
