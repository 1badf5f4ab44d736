/** The PKI library: what other folders may use of `certs/`. */
export type { ChainUsage } from "./chain/certificate-checks.ts";
export { type ChainRequest, verifyChain, verifyChains } from "./chain/verify-chain.ts";
export { type DerElement, DerReader, type DerReaderLimits } from "./der/reader.ts";
export { tag as derTag } from "./der/tags.ts";
export { DerWriter } from "./der/writer.ts";
export { CertsError, type CertsErrorCode, certsErrorSpecs } from "./errors.ts";
export { generateKey } from "./keys/generate.ts";
export { subjectKeyId } from "./keys/key-id.ts";
export { type KeyType, publicKeyType } from "./keys/key-type.ts";
export { decodePkcs8, encodePkcs8 } from "./keys/pkcs8.ts";
export {
  type IssuerSignatureAlgorithm,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
  signBytes,
  verifyBytes,
} from "./keys/signature-algorithm.ts";
export { decodeSpki, encodeSpki, spkiKeyType } from "./keys/spki.ts";
export { certsLimits } from "./limits.ts";
export { oid } from "./oids.ts";
export { decodePem, encodePem, parsePemCertificates } from "./pem.ts";
export { assembleCertificate, issuerInfoOf } from "./template/assemble.ts";
export { type CaParts, caSubject, caTbs } from "./template/ca.ts";
export { randomSerial } from "./template/serial.ts";
export { type SvidParts, svidSubject, svidTbs } from "./template/svid.ts";
export type { IssuerInfo } from "./template/tbs.ts";
export { assembleCsr, buildCsr, type CsrParts, csrInfo } from "./x509/build-csr.ts";
export { Certificate } from "./x509/certificate.ts";
export { CertificateRequest } from "./x509/certificate-request.ts";
export type { Extension } from "./x509/extensions.ts";
export type { GeneralName } from "./x509/general-names.ts";
export type { KeyUsage } from "./x509/key-usage.ts";
export { type DistinguishedName, nameAttributes, nameDer, nameText } from "./x509/name.ts";
export type { NameConstraints, Subtree } from "./x509/name-constraints.ts";
