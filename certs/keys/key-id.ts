import { createHash } from "node:crypto";
import { splitSpki } from "./spki.ts";

/**
 * RFC 5280 §4.2.1.2 method (1): SHA-1 of the subjectPublicKey bits, 20 bytes. A name for the key, not a safeguard.
 * Throws ERR_DER_….
 */
export function subjectKeyId(spkiDer: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha1").update(splitSpki(spkiDer).publicKeyBits).digest());
}
