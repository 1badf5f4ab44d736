import { decodeBase64Url } from "../../encoding/base64.ts";
import {
  isJsonArray,
  isJsonObject,
  type JsonObject,
  JsonSyntaxError,
  type JsonValue,
  parseJson,
} from "../../encoding/json.ts";
import { SpiffeError } from "../../errors.ts";
import { SpiffeId } from "../../id/spiffe-id.ts";
import { spiffeLimits } from "../../limits.ts";
import { isJwtSvidAlgorithm, type JwtSvidAlgorithm } from "./algorithm.ts";

/** A claim as `JSON.parse` gives it, except that an integer beyond 2^53 is an exact bigint. */
export type ClaimValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly ClaimValue[]
  | { readonly [name: string]: ClaimValue };

/** What a token says about itself. Nothing in it is proven: see `verifyJwtSvid`. */
export interface UnverifiedJwtSvid {
  readonly algorithm: JwtSvidAlgorithm;
  readonly keyId: string | undefined;
  readonly id: SpiffeId;
  readonly audience: readonly string[];
  /** Seconds since 1970; may have a fraction. */
  readonly expiresAt: number;
  readonly issuedAt: number | undefined;
  readonly notBefore: number | undefined;
  /** All claims, `sub`, `aud` and `exp` included, on an object without prototype. */
  readonly claims: { readonly [name: string]: ClaimValue };
}

export interface JwsParts {
  readonly svid: UnverifiedJwtSvid;
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

/**
 * Reads a JWT-SVID without verifying it: for finding the expiry of one's own token, never for authentication.
 * @throws SpiffeError ERR_JWT_SVID_TOO_LONG, …_FORMAT, …_ALGORITHM, …_TYPE, …_HEADER, …_SUBJECT, …_AUDIENCE, …_CLAIM
 */
export function parseJwtSvid(token: string): UnverifiedJwtSvid {
  return parseJws(token).svid;
}

/** In the order of JWT-SVID §4: `alg` is judged before anything else of the token is read. */
export function parseJws(token: string): JwsParts {
  if (token.length > spiffeLimits.jwtSvidBytes.value) {
    throw new SpiffeError("ERR_JWT_SVID_TOO_LONG", `the token is longer than ${spiffeLimits.jwtSvidBytes.value} bytes`);
  }
  const firstDot = token.indexOf(".");
  const lastDot = token.lastIndexOf(".");
  if (firstDot === lastDot || token.indexOf(".", firstDot + 1) !== lastDot) throw malformed("is not of three parts");
  const header = readHeader(decodeObject(token.slice(0, firstDot), "header"));
  const claims = decodeObject(token.slice(firstDot + 1, lastDot), "payload");
  const signature = decodeBase64Url(token.slice(lastDot + 1));
  if (signature === undefined) throw malformed("has a signature that is not base64url");
  return { svid: { ...header, ...readClaims(claims) }, signingInput: token.slice(0, lastDot), signature };
}

function readHeader(header: JsonObject): Pick<UnverifiedJwtSvid, "algorithm" | "keyId"> {
  const algorithm = header.get("alg");
  if (!isJwtSvidAlgorithm(algorithm)) {
    throw new SpiffeError("ERR_JWT_SVID_ALGORITHM", "the alg of the token is not allowed for JWT-SVIDs");
  }
  const type = header.get("typ");
  if (type !== undefined && type !== "JWT" && type !== "JOSE") {
    throw new SpiffeError("ERR_JWT_SVID_TYPE", "the typ of the token is neither JWT nor JOSE");
  }
  for (const name of header.keys()) {
    if (name === "alg" || name === "kid" || name === "typ") continue;
    throw new SpiffeError("ERR_JWT_SVID_HEADER", "the header of the token has a member other than alg, kid and typ");
  }
  const keyId = header.get("kid");
  if (keyId !== undefined && (typeof keyId !== "string" || keyId === "")) {
    throw new SpiffeError("ERR_JWT_SVID_HEADER", "the kid of the token is not a non-empty string");
  }
  return { algorithm, keyId };
}

function readClaims(claims: JsonObject): Omit<UnverifiedJwtSvid, "algorithm" | "keyId"> {
  const id = readSubject(claims.get("sub"));
  const audience = readAudience(claims.get("aud"));
  const expiresAt = readDate(claims, "exp");
  if (expiresAt === undefined) throw new SpiffeError("ERR_JWT_SVID_CLAIM", "the token has no exp");
  return {
    id,
    audience,
    expiresAt,
    issuedAt: readDate(claims, "iat"),
    notBefore: readDate(claims, "nbf"),
    claims: toPlainObject(claims),
  };
}

function readSubject(subject: JsonValue | undefined): SpiffeId {
  if (typeof subject !== "string") throw new SpiffeError("ERR_JWT_SVID_SUBJECT", "the token has no sub");
  try {
    return SpiffeId.parse(subject);
  } catch (cause) {
    throw new SpiffeError("ERR_JWT_SVID_SUBJECT", "the sub of the token is not a SPIFFE ID", { cause });
  }
}

/** RFC 7519 §4.1.3: a string or an array of strings. */
function readAudience(value: JsonValue | undefined): readonly string[] {
  const values = isJsonArray(value) ? value : [value];
  const audience = values.filter((element) => typeof element === "string");
  if (audience.length !== values.length || !audience.some((element) => element !== "")) {
    throw new SpiffeError("ERR_JWT_SVID_AUDIENCE", "the token has no aud of one or more strings");
  }
  return audience;
}

/** RFC 7519 §2 NumericDate: any JSON number. */
function readDate(claims: JsonObject, name: "exp" | "nbf" | "iat"): number | undefined {
  const value = claims.get(name);
  if (value === undefined) return undefined;
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  throw new SpiffeError("ERR_JWT_SVID_CLAIM", `the ${name} of the token is not a number`);
}

function decodeObject(part: string, what: "header" | "payload"): JsonObject {
  const bytes = decodeBase64Url(part);
  if (bytes === undefined) throw malformed(`has a ${what} that is not base64url`);
  try {
    const value = parseJson(bytes);
    if (isJsonObject(value)) return value;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw malformed(`has a ${what} that is not JSON: ${error.message}`);
  }
  throw malformed(`has a ${what} that is not a JSON object`);
}

function toPlainObject(object: JsonObject): { readonly [name: string]: ClaimValue } {
  const plain: Record<string, ClaimValue> = Object.create(null);
  for (const [name, value] of object) plain[name] = toPlain(value);
  return plain;
}

function toPlain(value: JsonValue): ClaimValue {
  if (isJsonObject(value)) return toPlainObject(value);
  if (isJsonArray(value)) return value.map(toPlain);
  return value;
}

function malformed(what: string): SpiffeError {
  return new SpiffeError("ERR_JWT_SVID_FORMAT", `the token ${what}`);
}
