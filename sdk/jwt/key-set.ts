import type { KeyObject } from "node:crypto";
import { type BundleSource, parseJwtSvid, SpiffeError, type TrustDomain } from "../../spiffe/index.ts";

/** What jose hands to a key function: the parts of the token, still encoded. */
export interface JwsInput {
  /** The header, base64url. */
  readonly protected?: string;
  /** The payload, base64url. */
  readonly payload: string | Uint8Array;
  /** The signature, base64url. */
  readonly signature: string;
}

/**
 * Keys for `jwtVerify` of jose, always from the newest bundles: `jwtVerify(token, jwtKeySet(source), { audience: "db"
 * })`. The key is the one of the token's `kid` in the bundle of the trust domain of the token's `sub` and no other
 * (SPIFFE_Workload_API §6.3): a key of one trust domain never verifies a subject of another. The token's shape is
 * checked as `BundleSource.validateJwtSvid` does; signature, times and audience are jose's to check: give it an
 * `audience`, since without one it accepts any.
 *
 * `trustDomain`: members of it alone are accepted.
 *
 * @throws the function rejects with the `SpiffeError`s of `BundleSource.validateJwtSvid`, and with
 * ERR_JWT_SVID_KEY_UNKNOWN for a token without `kid`
 */
export function jwtKeySet(
  source: BundleSource,
  trustDomain?: TrustDomain,
): (header: unknown, token: JwsInput) => Promise<KeyObject> {
  return async (_header, { protected: header = "", payload, signature }) => {
    const encoded = typeof payload === "string" ? payload : Buffer.from(payload).toString("latin1");
    const { id, keyId } = parseJwtSvid(`${header}.${encoded}.${signature}`);
    const bundle = source.get(id.trustDomain);
    if (bundle === undefined || (trustDomain !== undefined && !id.isMemberOf(trustDomain))) {
      throw new SpiffeError("ERR_TRUST_DOMAIN_NOT_TRUSTED", "there is no bundle for the trust domain of the token");
    }
    const key = keyId === undefined ? undefined : bundle.jwtAuthority(keyId);
    if (key === undefined)
      throw new SpiffeError("ERR_JWT_SVID_KEY_UNKNOWN", "the bundle has no key of the token's kid");
    return key.publicKey();
  };
}
