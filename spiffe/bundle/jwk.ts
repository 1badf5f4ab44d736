import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { decodeBase64Url } from "../encoding/base64.ts";
import type { JsonObject } from "../encoding/json.ts";
import { spiffeLimits } from "../limits.ts";

/** Coordinates have exactly these lengths in bytes (RFC 7518 §6.2.1.2, RFC 8037 §2). */
const coordinateBytes: ReadonlyMap<string, number> = new Map([
  ["P-256", 32],
  ["P-384", 48],
  ["P-521", 66],
  ["Ed25519", 32],
]);

/** The public members, by `kty`. Whatever else a JWK holds plays no part (BND-24), above all not `alg` (trap P-13). */
const publicMembers = {
  EC: ["crv", "x", "y"],
  RSA: ["n", "e"],
  OKP: ["crv", "x"],
} as const;

export type KeyType = keyof typeof publicMembers;

export function isKeyType(kty: unknown): kty is KeyType {
  return typeof kty === "string" && Object.hasOwn(publicMembers, kty);
}

/** RFC 7518 §6: these members only ever occur in private or symmetric keys. */
export function isPrivateJwk(jwk: JsonObject): boolean {
  return jwk.has("d") || jwk.has("k") || jwk.has("p");
}

export function hasKeyMembers(jwk: JsonObject, kty: KeyType): boolean {
  return publicMembers[kty].some((name) => jwk.has(name));
}

/** The public key that the members of an EC, RSA or OKP JWK describe; `undefined` when they describe none. */
export function readPublicJwk(jwk: JsonObject, kty: KeyType): KeyObject | undefined {
  const members: JsonWebKey = { kty };
  for (const name of publicMembers[kty]) {
    const value = jwk.get(name);
    if (typeof value !== "string" || value.length > spiffeLimits.jwkMemberCharacters.value) return undefined;
    if (name !== "crv" && !isMemberValue(value, kty === "RSA" ? undefined : jwk.get("crv"))) return undefined;
    members[name] = value;
  }
  try {
    return createPublicKey({ key: members, format: "jwk" });
  } catch {
    // A point that is not on its curve, a curve OpenSSL does not know: no usable key, which the caller reports.
    return undefined;
  }
}

/** @throws TypeError when the key has no JWK form */
export function writePublicJwk(key: KeyObject): JsonWebKey {
  return key.export({ format: "jwk" });
}

function isMemberValue(value: string, curve: unknown): boolean {
  const bytes = decodeBase64Url(value);
  if (bytes === undefined) return false;
  return typeof curve === "string" ? bytes.length === coordinateBytes.get(curve) : bytes.length > 0;
}
