import { type KeyObject, sign, verify } from "node:crypto";
import { asPlain, equalBytes, fromHex } from "../bytes.ts";
import { CertsError } from "../errors.ts";
import { type KeyType, publicKeyType } from "./key-type.ts";
import { publicKeyInput, spkiKeyType } from "./spki.ts";

interface AlgorithmSpec {
  /** Whole AlgorithmIdentifier: parameters absent for ECDSA and Ed25519, NULL for RSA (RFC 5758, 4055, 8410). */
  readonly identifier: Uint8Array;
  readonly hash: "sha256" | "sha384" | "sha512" | undefined;
  readonly family: "ec" | "rsa" | "ed25519";
}

const specs = {
  ES256: { identifier: fromHex("300a06082a8648ce3d040302"), hash: "sha256", family: "ec" },
  ES384: { identifier: fromHex("300a06082a8648ce3d040303"), hash: "sha384", family: "ec" },
  ES512: { identifier: fromHex("300a06082a8648ce3d040304"), hash: "sha512", family: "ec" },
  RS256: { identifier: fromHex("300d06092a864886f70d01010b0500"), hash: "sha256", family: "rsa" },
  RS384: { identifier: fromHex("300d06092a864886f70d01010c0500"), hash: "sha384", family: "rsa" },
  RS512: { identifier: fromHex("300d06092a864886f70d01010d0500"), hash: "sha512", family: "rsa" },
  Ed25519: { identifier: fromHex("300506032b6570"), hash: undefined, family: "ed25519" },
} as const satisfies Readonly<Record<string, AlgorithmSpec>>;

/** In X.509 the name says the hash only: ES384 with a P-256 key is allowed. Anything not named here is refused. */
export type SignatureAlgorithm = keyof typeof specs;

/** What our authorities sign with. */
export type IssuerSignatureAlgorithm = "ES256" | "ES384" | "RS256";

const names: readonly SignatureAlgorithm[] = ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "Ed25519"];

/** `undefined` when the algorithm is not accepted (SHA-1, MD5, PSS, DSA, odd parameters). */
export function signatureAlgorithmOf(algorithmIdentifier: Uint8Array): SignatureAlgorithm | undefined {
  return names.find((name) => equalBytes(specs[name].identifier, algorithmIdentifier));
}

/** DER AlgorithmIdentifier. */
export function algorithmIdentifier(algorithm: SignatureAlgorithm): Uint8Array {
  return specs[algorithm].identifier;
}

/** The usual algorithm for signatures by a key of this type. */
export function signatureAlgorithmFor(type: KeyType): "ES256" | "ES384" | "RS256" | "Ed25519" {
  switch (type) {
    case "ec-p256":
      return "ES256";
    case "ec-p384":
      return "ES384";
    case "rsa-2048":
    case "rsa-3072":
    case "rsa-4096":
      return "RS256";
    case "ed25519":
      return "Ed25519";
  }
}

/** Signature in X.509 form (ECDSA: DER SEQUENCE of r and s). Throws ERR_KEY_UNSUPPORTED when key and algorithm differ. */
export function signBytes(algorithm: SignatureAlgorithm, message: Uint8Array, key: KeyObject): Uint8Array {
  const { hash, family } = specs[algorithm];
  if (key.asymmetricKeyType !== family) {
    throw new CertsError(
      "ERR_KEY_UNSUPPORTED",
      `a key of type ${key.asymmetricKeyType ?? key.type} cannot sign ${algorithm}`,
    );
  }
  return asPlain(sign(hash, message, key));
}

/**
 * Whether the signature is one of `key` over `message`. False also when the key is of another kind than the algorithm.
 * Throws ERR_KEY_UNSUPPORTED for keys that are not accepted, so that a weak key never verifies anything.
 */
export function verifyBytes(
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  return verifyByType(algorithm, message, { key, type: publicKeyType(key) }, signature);
}

/** The same for a key whose type is known already: asking a fresh KeyObject costs 15 µs. */
export function verifyByType(
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  { key, type }: { readonly key: KeyObject; readonly type: KeyType },
  signature: Uint8Array,
): boolean {
  const { hash, family } = specs[algorithm];
  return type.startsWith(family) && verify(hash, message, key, signature);
}

/**
 * The same for a key that is used this once, as a CSR's is: without a KeyObject in between.
 * Throws ERR_KEY_UNSUPPORTED, ERR_KEY_INVALID, ERR_DER_….
 */
export function verifyBySpki(
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  spkiDer: Uint8Array,
  signature: Uint8Array,
): boolean {
  const type = spkiKeyType(spkiDer);
  const { hash, family } = specs[algorithm];
  if (!type.startsWith(family)) return false;
  try {
    return verify(hash, message, publicKeyInput(type, spkiDer), signature);
  } catch (cause) {
    throw new CertsError("ERR_KEY_INVALID", "the public key is not a valid one of its type", { cause });
  }
}
