import type { JwtAuthority } from "../../bundle/jwt-authority.ts";
import { SpiffeError } from "../../errors.ts";
import type { SpiffeId } from "../../id/spiffe-id.ts";
import { spiffeLimits } from "../../limits.ts";
import type { BundleSource } from "../bundle-source.ts";
import { fitsAlgorithm, verifyJws } from "./algorithm.ts";
import { type JwsParts, parseJws, type UnverifiedJwtSvid } from "./parse.ts";

export interface VerifyJwtSvidOptions {
  readonly token: string;
  /** The name or names by which the validator is addressed; one of them must be among the token's audiences. */
  readonly audience: string | readonly string[];
  readonly bundles: BundleSource;
  readonly atMs: number;
  /** For `exp` and `nbf`; 5 by default, 120 at most. */
  readonly leewaySeconds?: number;
}

/** A JWT-SVID that was verified (JWT-SVID §4): signature, times, audience, and a key of its own trust domain. */
export interface VerifiedJwtSvid {
  /** The subject: who the token is about. */
  readonly id: SpiffeId;
  /** All audiences of the token, the expected one among them. */
  readonly audience: readonly string[];
  /** Seconds since 1970; may have a fraction. */
  readonly expiresAt: number;
  /** Seconds since 1970; `undefined`: not stated. */
  readonly issuedAt: number | undefined;
  /** All claims, `sub`, `aud` and `exp` included, on an object without prototype. */
  readonly claims: UnverifiedJwtSvid["claims"];
  /** The id of the bundle key that verified the token. */
  readonly keyId: string;
}

/**
 * Verifies a JWT-SVID (JWT-SVID §4) under the bundle of its own trust domain and no other. A token without `kid` is
 * tried with each key that fits its `alg`, up to 8 (JWT-08).
 * @throws SpiffeError the codes of `parseJwtSvid`; ERR_JWT_SVID_EXPECTED_AUDIENCE, ERR_TRUST_DOMAIN_NOT_TRUSTED,
 * ERR_BUNDLE_NO_JWT_AUTHORITIES, ERR_JWT_SVID_KEY_UNKNOWN, …_KEY_MISMATCH, …_SIGNATURE, …_EXPIRED, …_NOT_YET_VALID,
 * …_WRONG_AUDIENCE. No message contains any part of the token.
 * @throws RangeError when `leewaySeconds` is not from 0 to 120
 */
export function verifyJwtSvid(options: VerifyJwtSvidOptions): VerifiedJwtSvid {
  const expected = checkExpectedAudience(options.audience);
  const leewaySeconds = checkLeeway(options.leewaySeconds);
  const jws = parseJws(options.token);
  const key = verifySignature(jws, selectKeys(jws.svid, options.bundles));
  checkTimes(jws.svid, options.atMs / 1000, leewaySeconds);
  if (!jws.svid.audience.some((audience) => expected.includes(audience))) {
    throw new SpiffeError("ERR_JWT_SVID_WRONG_AUDIENCE", "no audience of the token is the expected one");
  }
  const { id, audience, expiresAt, issuedAt, claims } = jws.svid;
  return { id, audience, expiresAt, issuedAt, claims, keyId: key.keyId };
}

/** JWT-24: forgetting the audience must not mean accepting all. */
function checkExpectedAudience(audience: string | readonly string[]): readonly string[] {
  const expected = typeof audience === "string" ? [audience] : audience;
  if (expected.length > 0 && !expected.includes("")) return expected;
  throw new SpiffeError("ERR_JWT_SVID_EXPECTED_AUDIENCE", "the validator has no audience or an empty one");
}

function checkLeeway(leewaySeconds: number = spiffeLimits.jwtSvidLeewaySeconds.value): number {
  const maximum = spiffeLimits.jwtSvidMaxLeewaySeconds.value;
  if (leewaySeconds >= 0 && leewaySeconds <= maximum) return leewaySeconds;
  throw new RangeError(`leewaySeconds must be from 0 to ${maximum}`);
}

function selectKeys(svid: UnverifiedJwtSvid, bundles: BundleSource): readonly JwtAuthority[] {
  const { trustDomain } = svid.id;
  const bundle = bundles.get(trustDomain);
  if (bundle === undefined || !bundle.trustDomain.equals(trustDomain)) {
    throw new SpiffeError("ERR_TRUST_DOMAIN_NOT_TRUSTED", "there is no bundle for the trust domain of the token");
  }
  const keys = bundle.jwtAuthorities;
  if (keys.length === 0) {
    throw new SpiffeError("ERR_BUNDLE_NO_JWT_AUTHORITIES", "the bundle of the token's trust domain has no JWT key");
  }
  if (svid.keyId === undefined) {
    const fitting = keys.filter((key) => fitsAlgorithm(svid.algorithm, key.publicKey()));
    if (fitting.length > 0) return fitting.slice(0, spiffeLimits.jwtSvidKeyTries.value);
    throw new SpiffeError("ERR_JWT_SVID_KEY_UNKNOWN", "no key of the bundle fits the alg of the token");
  }
  const key = bundle.jwtAuthority(svid.keyId);
  if (key === undefined) throw new SpiffeError("ERR_JWT_SVID_KEY_UNKNOWN", "the bundle has no key of the token's kid");
  if (fitsAlgorithm(svid.algorithm, key.publicKey())) return [key];
  throw new SpiffeError("ERR_JWT_SVID_KEY_MISMATCH", "the key of the token's kid does not fit its alg");
}

function verifySignature({ svid, signingInput, signature }: JwsParts, keys: readonly JwtAuthority[]): JwtAuthority {
  const key = keys.find((candidate) => verifyJws(svid.algorithm, candidate.publicKey(), signingInput, signature));
  if (key !== undefined) return key;
  throw new SpiffeError("ERR_JWT_SVID_SIGNATURE", "the signature of the token is wrong");
}

/** RFC 7519 §4.1.4: refused on or after `exp`, so equality is already too late. */
function checkTimes(svid: UnverifiedJwtSvid, nowSeconds: number, leewaySeconds: number): void {
  if (!(nowSeconds < svid.expiresAt + leewaySeconds)) {
    throw new SpiffeError("ERR_JWT_SVID_EXPIRED", "the token has expired");
  }
  if (svid.notBefore !== undefined && !(nowSeconds >= svid.notBefore - leewaySeconds)) {
    throw new SpiffeError("ERR_JWT_SVID_NOT_YET_VALID", "the token is not valid yet");
  }
}
