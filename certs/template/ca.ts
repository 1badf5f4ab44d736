import { equalBytes, toHex } from "../bytes.ts";
import { CertsError } from "../errors.ts";
import { keyIdOf } from "../keys/key-id.ts";
import type { IssuerSignatureAlgorithm } from "../keys/signature-algorithm.ts";
import { recogniseSpki } from "../keys/spki.ts";
import { type DistinguishedName, nameDer } from "../x509/name.ts";
import { caBasicConstraints, caKeyUsage } from "./extensions.ts";
import { encodeTbs, type IssuerInfo } from "./tbs.ts";

/** Subject of authorities when the operator names none (as SPIRE); `caTbs` adds the unique serialNumber attribute. */
export const caSubject: DistinguishedName = Object.freeze({ country: "US", organization: "SPIFFE" });

export interface CaParts {
  /** Absent: self-signed. */
  readonly issuer?: IssuerInfo | undefined;
  /** Unsigned big-endian, at most 20 bytes, not zero. */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly spkiDer: Uint8Array;
  /** `spiffe://` and the trust domain: a signing certificate has no path (X509-SVID §3.2). */
  readonly uri?: string | undefined;
  /** Without a serialNumber attribute it gets the decimal serial: two authorities never share a name. */
  readonly subject: DistinguishedName;
  /** What the certificate is signed with; must agree with `issuer` when there is one. */
  readonly signatureAlgorithm: IssuerSignatureAlgorithm;
  readonly pathLength?: number | undefined;
}

/**
 * The to-be-signed bytes of a signing certificate: critical CA:TRUE, critical keyCertSign and cRLSign, key identifiers.
 * Throws ERR_TEMPLATE_INVALID, ERR_KEY_UNSUPPORTED, ERR_DER_….
 */
export function caTbs(parts: CaParts): Uint8Array {
  const { issuer, spkiDer, signatureAlgorithm } = parts;
  if (issuer !== undefined && issuer.signatureAlgorithm !== signatureAlgorithm) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the signature algorithm is not the issuer's");
  }
  const serialNumber = parts.subject.serialNumber ?? BigInt(`0x0${toHex(parts.serial)}`).toString();
  const subjectDer = nameDer({ ...parts.subject, serialNumber });
  if (issuer !== undefined && equalBytes(subjectDer, issuer.subjectDer)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "subject and issuer have the same name");
  }
  const keyId = keyIdOf(recogniseSpki(spkiDer).publicKeyBits);
  const uris = parts.uri === undefined ? [] : [parts.uri];
  return encodeTbs({
    serial: parts.serial,
    signatureAlgorithm,
    issuerDer: issuer?.subjectDer ?? subjectDer,
    notBeforeMs: parts.notBeforeMs,
    notAfterMs: parts.notAfterMs,
    subjectDer,
    spkiDer,
    extensions: [caKeyUsage, caBasicConstraints(parts.pathLength)],
    subjectKeyId: keyId,
    authorityKeyId: issuer?.subjectKeyId ?? keyId,
    altNames: { uris, dnsNames: [] },
  });
}
