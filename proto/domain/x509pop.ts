import { constants, type KeyObject, sign, verify } from "node:crypto";

/** Both sides give as many random bytes. */
export const possessionNonceBytes = 32;

export interface PossessionChallenge {
  readonly family: "rsa" | "ec";
  readonly nonce: Uint8Array;
}

export type PossessionAnswer =
  | { readonly family: "rsa"; readonly nonce: Uint8Array; readonly signature: Uint8Array }
  /** r and s: unsigned, big-endian, of any length that the curve allows. */
  | { readonly family: "ec"; readonly nonce: Uint8Array; readonly r: Uint8Array; readonly s: Uint8Array };

/** `undefined`: a kind of key that `x509pop` has no challenge for. */
export function possessionFamily(key: KeyObject): PossessionChallenge["family"] | undefined {
  return key.asymmetricKeyType === "rsa" || key.asymmetricKeyType === "ec" ? key.asymmetricKeyType : undefined;
}

/**
 * Signs both nonces with the private key: whoever answers chose a nonce too, so that nobody can have other bytes signed.
 * The key must be of the challenge's family, both nonces of `possessionNonceBytes`.
 */
export function answerChallenge(key: KeyObject, challenge: PossessionChallenge, nonce: Uint8Array): PossessionAnswer {
  const message = bothNonces(challenge.nonce, nonce);
  if (challenge.family === "rsa") return { family: "rsa", nonce, signature: sign("sha256", message, pss(key)) };
  const signature = sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
  const half = signature.length / 2;
  return {
    family: "ec",
    nonce,
    r: withoutZeros(signature.subarray(0, half)),
    s: withoutZeros(signature.subarray(half)),
  };
}

/** Whether the answer is the private half of `key`'s word on this very challenge. False for anything malformed. */
export function provesPossession(
  key: KeyObject,
  { family, nonce }: PossessionChallenge,
  answer: PossessionAnswer,
): boolean {
  if (answer.family !== family || possessionFamily(key) !== family) return false;
  if (nonce.length !== possessionNonceBytes || answer.nonce.length !== possessionNonceBytes) return false;
  const message = bothNonces(nonce, answer.nonce);
  if (answer.family === "rsa") return verify("sha256", message, pss(key), answer.signature);
  const bytes = coordinateBytes(key);
  const [r, s] = [withoutZeros(answer.r), withoutZeros(answer.s)];
  if (r.length === 0 || s.length === 0 || r.length > bytes || s.length > bytes) return false;
  const signature = Buffer.alloc(2 * bytes);
  signature.set(r, bytes - r.length);
  signature.set(s, 2 * bytes - s.length);
  return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** What is signed is SHA-256 of these, as the hash of the signature scheme itself. */
function bothNonces(challenge: Uint8Array, answer: Uint8Array): Uint8Array {
  if (challenge.length !== possessionNonceBytes || answer.length !== possessionNonceBytes) {
    throw new RangeError(`nonces of ${challenge.length} and ${answer.length} bytes`);
  }
  return Buffer.concat([challenge, answer]);
}

/** SPIRE signs with the longest salt and takes any length. */
function pss(key: KeyObject) {
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_AUTO, RSA_PSS_SALTLEN_MAX_SIGN } = constants;
  return { key, padding, saltLength: key.type === "private" ? RSA_PSS_SALTLEN_MAX_SIGN : RSA_PSS_SALTLEN_AUTO };
}

function coordinateBytes(key: KeyObject): number {
  return key.asymmetricKeyDetails?.namedCurve === "secp384r1" ? 48 : 32;
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? bytes.subarray(0, 0) : bytes.subarray(first);
}
