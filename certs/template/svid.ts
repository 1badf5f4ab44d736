import { equalBytes } from "../bytes.ts";
import { CertsError } from "../errors.ts";
import { keyIdOf } from "../keys/key-id.ts";
import { recogniseSpki } from "../keys/spki.ts";
import { certsLimits } from "../limits.ts";
import { type DistinguishedName, nameDer } from "../x509/name.ts";
import { leafBasicConstraints, leafExtendedKeyUsage, leafKeyUsage } from "./extensions.ts";
import { encodeTbs, type IssuerInfo } from "./tbs.ts";

/** Subject of SVIDs, the one SPIRE uses: software that looks at it at all expects this. */
export const svidSubject: DistinguishedName = Object.freeze({ country: "US", organization: "SPIRE" });
const svidSubjectDer = nameDer(svidSubject);

export interface SvidParts {
  readonly issuer: IssuerInfo;
  /** Unsigned big-endian, at most 20 bytes, not zero. */
  readonly serial: Uint8Array;
  /** Milliseconds since 1970; fractions of a second are dropped. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Of one of our key types; whether the point is on its curve has been found out by whoever verified the CSR. */
  readonly spkiDer: Uint8Array;
  readonly uri: string;
  readonly dnsSans?: readonly string[];
  /** `svidSubject` by default. Without a common name, the first DNS name becomes it, when it fits (64 characters). */
  readonly subject?: DistinguishedName;
  /** DER of a Name to take as it is, instead of `subject`. */
  readonly subjectDer?: Uint8Array;
}

/**
 * The to-be-signed bytes of an X509-SVID leaf: critical key usage, serverAuth and clientAuth, critical CA:FALSE, key
 * identifiers, alternative names (critical exactly when the subject is empty).
 * Throws ERR_TEMPLATE_INVALID, ERR_KEY_UNSUPPORTED, ERR_DER_….
 */
export function svidTbs(parts: SvidParts): Uint8Array {
  const { issuer, spkiDer } = parts;
  const dnsNames = parts.dnsSans ?? [];
  const { type, publicKeyBits } = recogniseSpki(spkiDer);
  const subjectDer = parts.subjectDer ?? leafSubject(parts.subject, dnsNames[0]);
  // A leaf that is its own issuer by name is taken for self-signed by OpenSSL and GnuTLS.
  if (equalBytes(subjectDer, issuer.subjectDer)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "subject and issuer have the same name");
  }
  return encodeTbs({
    serial: parts.serial,
    signatureAlgorithm: issuer.signatureAlgorithm,
    issuerDer: issuer.subjectDer,
    notBeforeMs: parts.notBeforeMs,
    notAfterMs: parts.notAfterMs,
    subjectDer,
    spkiDer,
    extensions: [leafKeyUsage(type), leafExtendedKeyUsage, leafBasicConstraints],
    subjectKeyId: keyIdOf(publicKeyBits),
    authorityKeyId: issuer.subjectKeyId,
    altNames: { uris: [parts.uri], dnsNames },
  });
}

function leafSubject(subject: DistinguishedName | undefined, firstDnsName: string | undefined): Uint8Array {
  const fits = firstDnsName !== undefined && firstDnsName.length <= certsLimits.commonNameChars.value;
  const commonName = subject?.commonName ?? (fits ? firstDnsName : undefined);
  if (subject === undefined && commonName === undefined) return svidSubjectDer;
  return nameDer({ ...(subject ?? svidSubject), commonName });
}
