import { equalBytes, fromHex } from "../bytes.ts";
import { bitString, tlv } from "../der/encode.ts";
import { DerReader } from "../der/reader.ts";
import { contextConstructed, tag } from "../der/tags.ts";
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
  const outer = DerReader.over(tbs);
  const fields = outer.enter();
  outer.finish();
  fields.read(contextConstructed(0));
  fields.read(tag.integer);
  if (!equalBytes(fields.readWhole(tag.sequence).bytes, identifier)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the signed bytes name another signature algorithm");
  }
  return tlv(tag.sequence, tbs, identifier, bitString(signature));
}

/** What templates need to know of an authority. Throws ERR_TEMPLATE_INVALID, ERR_KEY_…. */
export function issuerInfoOf(authority: Certificate): IssuerInfo {
  const signatureAlgorithm = signatureAlgorithmFor(publicKeyType(authority.publicKey()));
  if (!authority.isCa || authority.subjectKeyId === undefined || signatureAlgorithm === "Ed25519") {
    throw new CertsError("ERR_TEMPLATE_INVALID", "not an authority with a subject key id and a key that issues");
  }
  return { subjectDer: authority.subjectDer, subjectKeyId: fromHex(authority.subjectKeyId), signatureAlgorithm };
}
