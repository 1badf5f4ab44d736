import { hash } from "node:crypto";
import { asPlain } from "../bytes.ts";
import { splitSpki } from "./spki.ts";

/**
 * RFC 5280 §4.2.1.2 method (1): SHA-1 of the subjectPublicKey bits, 20 bytes. A name for the key, not a safeguard.
 * Throws ERR_DER_….
 */
export function subjectKeyId(spkiDer: Uint8Array): Uint8Array {
  return keyIdOf(splitSpki(spkiDer).publicKeyBits);
}

export function keyIdOf(publicKeyBits: Uint8Array): Uint8Array {
  return asPlain(hash("sha1", publicKeyBits, "buffer"));
}
