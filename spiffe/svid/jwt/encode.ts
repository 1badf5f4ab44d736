import { encodeBase64Url } from "../../encoding/base64.ts";
import type { SpiffeId } from "../../id/spiffe-id.ts";
import type { JwtSvidAlgorithm } from "./algorithm.ts";

export interface JwtSvidClaims {
  readonly sub: SpiffeId;
  /** At least one, none empty. */
  readonly aud: readonly string[];
  /** Whole seconds since 1970. */
  readonly exp: number;
  /** Whole seconds since 1970. */
  readonly iat: number;
  readonly iss?: string | undefined;
  readonly jti?: string | undefined;
}

export interface EncodeJwtSvidOptions {
  readonly alg: JwtSvidAlgorithm;
  readonly kid: string;
  readonly claims: JwtSvidClaims;
}

/**
 * The JWS signing input of a JWT-SVID, shaped as SPIRE shapes it: header `alg`, `kid`, `typ` `JWT`; `aud` an array
 * even for one. Sign its ASCII bytes and give the result to `joinJws`.
 * @throws RangeError when a claim is not as described: that is a fault of the issuer, not of its caller
 */
export function encodeJwtSvid({ alg, kid, claims }: EncodeJwtSvidOptions): string {
  const { sub, aud, exp, iat, iss, jti } = claims;
  if (kid === "") throw new RangeError("a JWT-SVID is issued with a kid");
  if (aud.length === 0 || aud.includes("")) throw new RangeError("a JWT-SVID has one or more non-empty audiences");
  if (!Number.isSafeInteger(exp) || !Number.isSafeInteger(iat)) throw new RangeError("exp and iat are whole seconds");
  const header = encodeBase64Url(JSON.stringify({ alg, kid, typ: "JWT" }));
  const payload = encodeBase64Url(JSON.stringify({ aud, exp, iat, iss, jti, sub: sub.toString() }));
  return `${header}.${payload}`;
}

/** `signature`: R‖S of fixed length for ECDSA (RFC 7518 §3.4), as it is for RSA. */
export function joinJws(signingInput: string, signature: Uint8Array): string {
  return `${signingInput}.${encodeBase64Url(signature)}`;
}
