import { createHash } from "node:crypto";
import type { Certificate } from "../../certs/index.ts";
import { SpiffeError } from "../errors.ts";
import type { TrustDomain } from "../id/spiffe-id.ts";
import { spiffeLimits } from "../limits.ts";
import { JwtAuthority, type JwtAuthorityParts } from "./jwt-authority.ts";
import { parseBundleJson, readBundle, type SkippedKey } from "./read-jwks.ts";
import { writeSpiffeJwks, writeWorkloadJwks } from "./write-jwks.ts";

/** A root that signs, or signs those who sign, X509-SVIDs of one trust domain. */
export interface X509Authority {
  /** Self-signed or not: it is trusted for being in the bundle. */
  readonly certificate: Certificate;
  /** In memory only: no bundle document can say it. */
  readonly tainted: boolean;
}

/** What an `X509Authority` is made of. */
export interface X509AuthorityParts {
  /** Self-signed or not: it is trusted for being in the bundle. */
  readonly certificate: Certificate;
  /** In memory only: no bundle document can say it. Default `false`. */
  readonly tainted?: boolean;
}

/** What a bundle is made of; what is left out is empty or not stated. */
export interface SpiffeBundleParts {
  /** Roots for X509-SVIDs. */
  readonly x509Authorities?: readonly X509AuthorityParts[];
  /** Keys for JWT-SVIDs, of different ids. */
  readonly jwtAuthorities?: readonly JwtAuthorityParts[];
  /** 0 to 2^64 - 1; `undefined` = not stated. */
  readonly sequenceNumber?: bigint | undefined;
  /** Seconds, positive; `undefined` = not stated. */
  readonly refreshHint?: number | undefined;
}

/** A bundle document as it was read. */
export interface ParsedBundle {
  /** The bundle, of the trust domain that the reader was told: a document does not name its own. */
  readonly bundle: SpiffeBundle;
  /** Elements that were left out; worth a log line each (BND-20). */
  readonly skipped: readonly SkippedKey[];
}

/**
 * The public keys of one trust domain (SPIFFE_Trust_Domain_and_Bundle §3). Immutable and shared freely; byte arrays
 * it hands out must not be written to. A bundle without keys is valid and trusts nobody (BND-22).
 */
export class SpiffeBundle {
  readonly #trustDomain: TrustDomain;
  readonly #x509Authorities: readonly X509Authority[];
  readonly #jwtAuthorities: ReadonlyMap<string, JwtAuthority>;
  readonly #sequenceNumber: bigint | undefined;
  readonly #refreshHint: number | undefined;
  #x509Der: Uint8Array | undefined;
  #workloadJwks: string | undefined;
  #fingerprint: string | undefined;

  private constructor(trustDomain: TrustDomain, parts: SpiffeBundleParts) {
    this.#trustDomain = trustDomain;
    this.#x509Authorities = uniqueX509(parts.x509Authorities ?? []);
    this.#jwtAuthorities = uniqueJwt(parts.jwtAuthorities ?? []);
    this.#sequenceNumber = checkSequenceNumber(parts.sequenceNumber);
    this.#refreshHint = checkRefreshHint(parts.refreshHint);
  }

  /** A bundle that trusts nobody (BND-22). */
  static empty(trustDomain: TrustDomain): SpiffeBundle {
    return new SpiffeBundle(trustDomain, {});
  }

  /**
   * The same certificate twice is kept once; tainted if either was.
   * @throws SpiffeError ERR_BUNDLE_KEY_ID when two keys share an id, ERR_JWT_AUTHORITY_KEY, ERR_JWT_AUTHORITY_KEY_ID,
   * ERR_BUNDLE_SEQUENCE, ERR_BUNDLE_REFRESH_HINT
   */
  static of(trustDomain: TrustDomain, parts: SpiffeBundleParts): SpiffeBundle {
    return new SpiffeBundle(trustDomain, parts);
  }

  /**
   * Reads a SPIFFE bundle document. An error means “not a bundle”: keep what was stored. No error with no keys means
   * “everything revoked”: replace what was stored.
   * @throws SpiffeError ERR_BUNDLE_TOO_LARGE, ERR_BUNDLE_JSON, ERR_BUNDLE_FORMAT, ERR_BUNDLE_SEQUENCE,
   * ERR_BUNDLE_REFRESH_HINT
   */
  static parseJwks(trustDomain: TrustDomain, json: string | Uint8Array): ParsedBundle {
    const document = readBundle(parseBundleJson(json, spiffeLimits.bundleBytes.value), "spiffe");
    return { bundle: new SpiffeBundle(trustDomain, document), skipped: document.skipped };
  }

  /**
   * Reads a JWT bundle of the Workload API: as `parseJwks`, but a key without `use` is a JWT key.
   * @throws SpiffeError as `parseJwks`
   */
  static parseWorkloadJwks(trustDomain: TrustDomain, json: string | Uint8Array): ParsedBundle {
    const document = readBundle(parseBundleJson(json, spiffeLimits.bundleBytes.value), "workload");
    return { bundle: new SpiffeBundle(trustDomain, document), skipped: document.skipped };
  }

  /** A copy in which the given parts replace the old ones; an explicit `undefined` removes. */
  with(parts: SpiffeBundleParts): SpiffeBundle {
    return new SpiffeBundle(this.#trustDomain, {
      x509Authorities: this.#x509Authorities,
      jwtAuthorities: this.jwtAuthorities,
      sequenceNumber: this.#sequenceNumber,
      refreshHint: this.#refreshHint,
      ...parts,
    });
  }

  /** Whose keys these are; they are good for members of no other trust domain. */
  get trustDomain(): TrustDomain {
    return this.#trustDomain;
  }

  /** Roots for X509-SVIDs, each once. */
  get x509Authorities(): readonly X509Authority[] {
    return this.#x509Authorities;
  }

  /** Keys for JWT-SVIDs, each key id once. */
  get jwtAuthorities(): readonly JwtAuthority[] {
    return [...this.#jwtAuthorities.values()];
  }

  /** The key with exactly this id. */
  jwtAuthority(keyId: string): JwtAuthority | undefined {
    return this.#jwtAuthorities.get(keyId);
  }

  /** `spiffe_sequence` (SPIFFE_Trust_Domain_and_Bundle §4.1.1): grows with each change; `undefined`: not stated. */
  get sequenceNumber(): bigint | undefined {
    return this.#sequenceNumber;
  }

  /** Seconds. */
  get refreshHint(): number | undefined {
    return this.#refreshHint;
  }

  /** The SPIFFE bundle document, for bundle endpoints and files. */
  toJwks(): string {
    return writeSpiffeJwks(this, { refreshHint: true });
  }

  /** The JWT keys as the Workload API carries them (WAPI-59, WAPI-60); `{"keys":[]}` when there are none. */
  toWorkloadJwks(): string {
    this.#workloadJwks ??= writeWorkloadJwks(this.jwtAuthorities);
    return this.#workloadJwks;
  }

  /** The X.509 authorities as the Workload API carries them: DER, one after the other (WAPI-36). */
  x509Der(): Uint8Array {
    this.#x509Der ??= Buffer.concat(this.#x509Authorities.map(({ certificate }) => certificate.der));
    return this.#x509Der;
  }

  /** Same trust domain and content, tainted flags included; the order of keys plays no part. */
  equals(other: SpiffeBundle): boolean {
    return this === other || this.fingerprint() === other.fingerprint();
  }

  /** @internal One text per content. */
  fingerprint(): string {
    this.#fingerprint ??= describe(this).join("\n");
    return this.#fingerprint;
  }
}

function describe(bundle: SpiffeBundle): readonly string[] {
  const x509 = bundle.x509Authorities.map(({ certificate, tainted }) => `x509 ${digest(certificate.der)} ${tainted}`);
  const jwt = bundle.jwtAuthorities.map(
    ({ keyId, spkiDer, expiresAt, tainted }) =>
      `jwt ${digest(spkiDer)} ${expiresAt} ${tainted} ${JSON.stringify(keyId)}`,
  );
  const head = `${bundle.trustDomain} ${bundle.sequenceNumber} ${bundle.refreshHint}`;
  return [head, ...x509.sort(), ...jwt.sort()];
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function uniqueX509(authorities: NonNullable<SpiffeBundleParts["x509Authorities"]>): readonly X509Authority[] {
  const unique = new Map<string, X509Authority>();
  for (const { certificate, tainted = false } of authorities) {
    const key = digest(certificate.der);
    unique.set(key, { certificate, tainted: tainted || unique.get(key)?.tainted === true });
  }
  return [...unique.values()];
}

function uniqueJwt(authorities: readonly JwtAuthorityParts[]): ReadonlyMap<string, JwtAuthority> {
  const unique = new Map<string, JwtAuthority>();
  for (const parts of authorities) {
    const authority = parts instanceof JwtAuthority ? parts : JwtAuthority.of(parts);
    const other = unique.get(authority.keyId);
    if (other !== undefined && Buffer.compare(other.spkiDer, authority.spkiDer) !== 0) {
      throw new SpiffeError("ERR_BUNDLE_KEY_ID", "two different JWT keys have the same key id");
    }
    if (other === undefined || authority.tainted) unique.set(authority.keyId, authority);
  }
  return unique;
}

function checkSequenceNumber(value: bigint | undefined): bigint | undefined {
  if (value === undefined || (value >= 0n && value < 2n ** 64n)) return value;
  throw new SpiffeError("ERR_BUNDLE_SEQUENCE", "the sequence number is not from 0 to 2^64 - 1");
}

function checkRefreshHint(value: number | undefined): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return value;
  throw new SpiffeError("ERR_BUNDLE_REFRESH_HINT", "the refresh hint is not a positive integer number of seconds");
}
