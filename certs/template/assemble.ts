import { fromHex, startsWithBytes } from "../bytes.ts";
import { DerSplice } from "../der/splice.ts";
import { tag } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import { publicKeyType } from "../keys/key-type.ts";
import { algorithmIdentifier, type SignatureAlgorithm, signatureAlgorithmFor } from "../keys/signature-algorithm.ts";
import type { Certificate } from "../x509/certificate.ts";
import type { IssuerInfo } from "./tbs.ts";

/**
 * Joins what was signed with its signature (ECDSA: DER). Throws ERR_TEMPLATE_INVALID when the signed bytes name another
 * algorithm; whether the signature is right is the caller's check.
 */
export function assembleCertificate(tbs: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): Uint8Array {
  const identifier = algorithmIdentifier(algorithm);
  if (!startsWithBytes(tbs.subarray(algorithmOffset(tbs)), identifier)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the signed bytes name another signature algorithm");
  }
  const out = new DerSplice(tbs.length + identifier.length + signature.length + 16);
  const end = out.mark;
  out.bytes(signature);
  out.octet(0);
  out.header(tag.bitString, end);
  out.bytes(identifier);
  out.bytes(tbs);
  out.sequence(end);
  return out.toBytes();
}

/** Past the outer header, the version (5 bytes) and the serial number, in bytes that `encodeTbs` wrote. */
function algorithmOffset(tbs: Uint8Array): number {
  const first = tbs[1] ?? 0;
  const serialAt = (first < 0x80 ? 2 : 2 + (first & 0x7f)) + 5;
  return serialAt + 2 + (tbs[serialAt + 1] ?? 0);
}

/** What templates need to know of an authority. Throws ERR_TEMPLATE_INVALID, ERR_KEY_…. */
export function issuerInfoOf(authority: Certificate): IssuerInfo {
  const signatureAlgorithm = signatureAlgorithmFor(publicKeyType(authority.publicKey()));
  if (!authority.isCa || authority.subjectKeyId === undefined || signatureAlgorithm === "Ed25519") {
    throw new CertsError("ERR_TEMPLATE_INVALID", "not an authority with a subject key id and a key that issues");
  }
  return { subjectDer: authority.subjectDer, subjectKeyId: fromHex(authority.subjectKeyId), signatureAlgorithm };
}
