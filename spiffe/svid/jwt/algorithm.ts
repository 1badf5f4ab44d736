import { constants, type KeyObject, verify } from "node:crypto";
import { DerWriter } from "../../../certs/index.ts";

interface JwsAlgorithm {
  readonly hash: "sha256" | "sha384" | "sha512";
  readonly scheme: "pkcs1" | "pss" | "ecdsa";
  /** ECDSA only: the one curve (RFC 7518 §3.4) and the length of R‖S in bytes. */
  readonly curve?: string;
  readonly signatureBytes?: number;
}

/** JWT-SVID §2.1, complete. A header's `alg` is looked up here before anything else is believed. */
const algorithms = {
  RS256: { hash: "sha256", scheme: "pkcs1" },
  RS384: { hash: "sha384", scheme: "pkcs1" },
  RS512: { hash: "sha512", scheme: "pkcs1" },
  PS256: { hash: "sha256", scheme: "pss" },
  PS384: { hash: "sha384", scheme: "pss" },
  PS512: { hash: "sha512", scheme: "pss" },
  ES256: { hash: "sha256", scheme: "ecdsa", curve: "prime256v1", signatureBytes: 64 },
  ES384: { hash: "sha384", scheme: "ecdsa", curve: "secp384r1", signatureBytes: 96 },
  ES512: { hash: "sha512", scheme: "ecdsa", curve: "secp521r1", signatureBytes: 132 },
} as const satisfies Record<string, JwsAlgorithm>;

export type JwtSvidAlgorithm = keyof typeof algorithms;

export function isJwtSvidAlgorithm(alg: unknown): alg is JwtSvidAlgorithm {
  return typeof alg === "string" && Object.hasOwn(algorithms, alg);
}

/** Whether the key is of the kind that `alg` signs with. A JWK's own `alg` plays no part (trap P-13). */
export function fitsAlgorithm(alg: JwtSvidAlgorithm, key: KeyObject): boolean {
  const algorithm: JwsAlgorithm = algorithms[alg];
  if (algorithm.scheme !== "ecdsa") return key.asymmetricKeyType === "rsa";
  return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === algorithm.curve;
}

/** The caller has checked `fitsAlgorithm`. ECDSA signatures are R‖S of exact length; DER is refused (RFC 7518 §3.4). */
export function verifyJws(alg: JwtSvidAlgorithm, key: KeyObject, signingInput: string, signature: Uint8Array): boolean {
  const algorithm: JwsAlgorithm = algorithms[alg];
  const data = Buffer.from(signingInput, "latin1");
  switch (algorithm.scheme) {
    case "ecdsa":
      if (signature.length !== algorithm.signatureBytes) return false;
      return verify(algorithm.hash, data, key, derSignature(signature));
    case "pkcs1":
      return verify(algorithm.hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
    case "pss": {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return verify(algorithm.hash, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature);
    }
  }
}

/**
 * R‖S as the SEQUENCE that OpenSSL verifies. Node would take R‖S as well, but then the key in an object of options, and for
 * those Node 24 throws and catches an error inside: twice the time of the verification itself.
 */
function derSignature(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  return new DerWriter()
    .sequence((w) => w.unsignedInteger(signature.subarray(0, half)).unsignedInteger(signature.subarray(half)))
    .toBytes();
}
