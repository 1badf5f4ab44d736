import type { KeyObject } from "node:crypto";
import { SpiffeError } from "../errors.ts";

const ecCurves: ReadonlySet<string | undefined> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/**
 * Checks that a key can verify one of the nine algorithms of JWT-SVID §2.1. RSA-PSS keys (their own key type in
 * X.509) have no JWK form and are refused.
 * @throws SpiffeError ERR_JWT_AUTHORITY_KEY
 */
export function checkJwtKey(key: KeyObject): void {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec") {
    if (ecCurves.has(details.namedCurve)) return;
    throw new SpiffeError("ERR_JWT_AUTHORITY_KEY", "the curve of the key is not P-256, P-384 or P-521");
  }
  if (key.asymmetricKeyType !== "rsa") {
    throw new SpiffeError("ERR_JWT_AUTHORITY_KEY", "the key is neither EC nor RSA");
  }
  const bits = details.modulusLength ?? 0;
  const exponent = details.publicExponent ?? 0n;
  // The upper bounds keep one verification cheap whatever a foreign bundle says.
  if (bits < 2048 || bits > 8192 || exponent < 3n || exponent > 0xffff_ffffn || exponent % 2n === 0n) {
    throw new SpiffeError("ERR_JWT_AUTHORITY_KEY", "the RSA key is not of 2048 to 8192 bits with a common exponent");
  }
}
