import { Certificate, CertsError } from "../../certs/index.ts";
import { decodeBase64 } from "../encoding/base64.ts";
import {
  isJsonArray,
  isJsonObject,
  type JsonObject,
  JsonSyntaxError,
  type JsonValue,
  parseJson,
} from "../encoding/json.ts";
import { SpiffeError } from "../errors.ts";
import { spiffeLimits } from "../limits.ts";
import { hasKeyMembers, isKeyType, isPrivateJwk, readPublicJwk } from "./jwk.ts";
import { JwtAuthority } from "./jwt-authority.ts";

/** Why an element of `keys` was left out. The rest of the bundle stands (BND-20). */
export type SkipReason =
  | "not-an-object"
  | "unknown-key-type"
  | "unknown-use"
  | "private-key"
  | "no-certificate"
  | "bad-certificate"
  | "certificate-key-mismatch"
  | "bad-key"
  | "bad-key-id"
  | "ambiguous-key-id";

/** An element of a bundle document that was left out, since the specification says to ignore it (BND-20). */
export interface SkippedKey {
  /** Position in `keys`. */
  readonly index: number;
  /** Why. */
  readonly reason: SkipReason;
}

export interface BundleDocument {
  readonly x509Authorities: readonly { readonly certificate: Certificate }[];
  readonly jwtAuthorities: readonly JwtAuthority[];
  readonly sequenceNumber: bigint | undefined;
  readonly refreshHint: number | undefined;
  readonly skipped: readonly SkippedKey[];
}

/** `spiffe`: an element without `use` is skipped (BND-29). `workload`: it is a JWT key, and `use` of another kind is skipped. */
export type JwksDialect = "spiffe" | "workload";

/** @throws SpiffeError ERR_BUNDLE_TOO_LARGE, ERR_BUNDLE_JSON */
export function parseBundleJson(json: string | Uint8Array, maxBytes: number): JsonValue {
  const bytes = typeof json === "string" ? Buffer.byteLength(json) : json.length;
  if (bytes > maxBytes) throw new SpiffeError("ERR_BUNDLE_TOO_LARGE", `the document is larger than ${maxBytes} bytes`);
  try {
    return parseJson(json);
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    throw new SpiffeError("ERR_BUNDLE_JSON", `the document is not valid JSON: ${cause.message}`, { cause });
  }
}

/**
 * Reads a JWK Set. Only a document that is no JWK Set at all is an error; one without usable keys is an empty
 * bundle, which revokes everything (BND-22, trap P-10).
 * @throws SpiffeError ERR_BUNDLE_FORMAT, ERR_BUNDLE_TOO_LARGE, ERR_BUNDLE_SEQUENCE, ERR_BUNDLE_REFRESH_HINT
 */
export function readBundle(document: JsonValue, dialect: JwksDialect): BundleDocument {
  if (!isJsonObject(document)) throw new SpiffeError("ERR_BUNDLE_FORMAT", "the bundle is not a JSON object");
  const keys = document.get("keys");
  if (!isJsonArray(keys)) throw new SpiffeError("ERR_BUNDLE_FORMAT", "the bundle has no array named keys");
  if (keys.length > spiffeLimits.bundleKeys.value) {
    throw new SpiffeError("ERR_BUNDLE_TOO_LARGE", `the bundle has more than ${spiffeLimits.bundleKeys.value} keys`);
  }
  const reader = new KeyReader(dialect);
  for (const [index, element] of keys.entries()) reader.read(element, index);
  return {
    ...reader.result(),
    sequenceNumber: readSequenceNumber(document.get("spiffe_sequence")),
    refreshHint: readRefreshHint(document.get("spiffe_refresh_hint")),
  };
}

class KeyReader {
  readonly #dialect: JwksDialect;
  readonly #x509Authorities: { readonly certificate: Certificate }[] = [];
  readonly #jwtAuthorities = new Map<string, { readonly index: number; readonly authority: JwtAuthority }>();
  readonly #ambiguous = new Set<string>();
  readonly #skipped: SkippedKey[] = [];

  constructor(dialect: JwksDialect) {
    this.#dialect = dialect;
  }

  read(element: JsonValue, index: number): void {
    const reason = this.#readKey(element, index);
    if (reason !== undefined) this.#skipped.push({ index, reason });
  }

  result(): Pick<BundleDocument, "x509Authorities" | "jwtAuthorities" | "skipped"> {
    return {
      x509Authorities: this.#x509Authorities,
      jwtAuthorities: [...this.#jwtAuthorities.values()].map(({ authority }) => authority),
      skipped: this.#skipped,
    };
  }

  #readKey(jwk: JsonValue, index: number): SkipReason | undefined {
    if (!isJsonObject(jwk)) return "not-an-object";
    if (!isKeyType(jwk.get("kty"))) return "unknown-key-type";
    switch (this.#use(jwk)) {
      case "x509-svid":
        return this.#readX509(jwk);
      case "jwt-svid":
        return this.#readJwt(jwk, index);
      default:
        return "unknown-use";
    }
  }

  #use(jwk: JsonObject): JsonValue | undefined {
    const use = jwk.get("use");
    if (this.#dialect === "spiffe") return use;
    // "sig" is what makers of ordinary JWK Sets write.
    return use === undefined || use === "sig" || use === "jwt-svid" ? "jwt-svid" : undefined;
  }

  #readX509(jwk: JsonObject): SkipReason | undefined {
    const kty = jwk.get("kty");
    const chain = jwk.get("x5c");
    const first = isJsonArray(chain) ? chain[0] : undefined;
    if (first === undefined) return "no-certificate";
    const der = typeof first === "string" ? decodeBase64(first) : undefined;
    const certificate = der === undefined ? undefined : readCertificate(der);
    if (certificate === undefined || !isKeyType(kty)) return "bad-certificate";
    // RFC 7517 §4.7: where both describe a key it is the same one. The certificate is what gets trusted.
    if (hasKeyMembers(jwk, kty) && readPublicJwk(jwk, kty)?.equals(certificate.publicKey()) !== true) {
      return "certificate-key-mismatch";
    }
    this.#x509Authorities.push({ certificate });
    return undefined;
  }

  #readJwt(jwk: JsonObject, index: number): SkipReason | undefined {
    const kty = jwk.get("kty");
    if (!isKeyType(kty) || kty === "OKP") return "unknown-key-type";
    if (isPrivateJwk(jwk)) return "private-key";
    const keyId = jwk.get("kid");
    if (typeof keyId !== "string") return "bad-key-id";
    const key = readPublicJwk(jwk, kty);
    if (key === undefined) return "bad-key";
    try {
      return this.#addJwt(JwtAuthority.fromKey(key, { keyId }), index);
    } catch (error) {
      if (!(error instanceof SpiffeError)) throw error;
      return error.code === "ERR_JWT_AUTHORITY_KEY_ID" ? "bad-key-id" : "bad-key";
    }
  }

  /** Two different keys under one id: neither can be told from the other, so neither is used. */
  #addJwt(authority: JwtAuthority, index: number): SkipReason | undefined {
    if (this.#ambiguous.has(authority.keyId)) return "ambiguous-key-id";
    const other = this.#jwtAuthorities.get(authority.keyId);
    if (other === undefined) {
      this.#jwtAuthorities.set(authority.keyId, { index, authority });
      return undefined;
    }
    if (other.authority.equals(authority)) return undefined;
    this.#jwtAuthorities.delete(authority.keyId);
    this.#ambiguous.add(authority.keyId);
    this.#skipped.push({ index: other.index, reason: "ambiguous-key-id" });
    return "ambiguous-key-id";
  }
}

/** A certificate whose key we could verify with; its names are not looked at. */
function readCertificate(der: Uint8Array): Certificate | undefined {
  try {
    const certificate = Certificate.parse(der);
    certificate.publicKey();
    return certificate;
  } catch (error) {
    if (!(error instanceof CertsError)) throw error;
    // One undecodable root must not take the others with it (trap P-08); the caller records the skip.
    return undefined;
  }
}

function readSequenceNumber(value: JsonValue | undefined): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  const exact = typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value));
  const number = exact ? BigInt(value) : -1n;
  if (number >= 0n && number < 2n ** 64n) return number;
  throw new SpiffeError("ERR_BUNDLE_SEQUENCE", "spiffe_sequence is not an integer from 0 to 2^64 - 1");
}

/** Zero and below say nothing useful and count as absent (trap P-24). */
function readRefreshHint(value: JsonValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new SpiffeError("ERR_BUNDLE_REFRESH_HINT", "spiffe_refresh_hint is not an integer number of seconds");
  }
  return value > 0 ? value : undefined;
}
