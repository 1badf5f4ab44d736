import type { KeyObject } from "node:crypto";
import { CertsError } from "../errors.ts";

/** Key types that are accepted. Issuance uses P-256, P-384 and RSA-2048; the others occur in foreign trust domains. */
export type KeyType = "ec-p256" | "ec-p384" | "rsa-2048" | "rsa-3072" | "rsa-4096" | "ed25519";

export type EcKeyType = "ec-p256" | "ec-p384";

export const rsaPublicExponent = 65_537;

/** Key type for a modulus length in bits; `undefined` when it is not accepted. */
export function rsaKeyType(modulusBits: number | undefined): KeyType | undefined {
  if (modulusBits === 2048) return "rsa-2048";
  if (modulusBits === 3072) return "rsa-3072";
  if (modulusBits === 4096) return "rsa-4096";
  return undefined;
}

/** Type of a public or private key. Throws ERR_KEY_UNSUPPORTED. */
export function publicKeyType(key: KeyObject): KeyType {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case "ec":
      if (details?.namedCurve === "prime256v1") return "ec-p256";
      if (details?.namedCurve === "secp384r1") return "ec-p384";
      throw new CertsError(
        "ERR_KEY_UNSUPPORTED",
        `elliptic curve ${details?.namedCurve ?? "with explicit parameters"}`,
      );
    case "rsa": {
      const type = rsaKeyType(details?.modulusLength);
      if (type === undefined) throw new CertsError("ERR_KEY_UNSUPPORTED", `RSA with ${details?.modulusLength} bits`);
      if (details?.publicExponent !== BigInt(rsaPublicExponent)) {
        throw new CertsError("ERR_KEY_UNSUPPORTED", "RSA with a public exponent other than 65537");
      }
      return type;
    }
    case "ed25519":
      return "ed25519";
    default:
      throw new CertsError("ERR_KEY_UNSUPPORTED", `key of type ${key.asymmetricKeyType ?? key.type}`);
  }
}
