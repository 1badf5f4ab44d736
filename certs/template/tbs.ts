import { fromHex } from "../bytes.ts";
import { unsignedInteger } from "../der/encode.ts";
import { DerSplice } from "../der/splice.ts";
import { contextConstructed } from "../der/tags.ts";
import { encodeTime } from "../der/time.ts";
import { CertsError } from "../errors.ts";
import { algorithmIdentifier, type IssuerSignatureAlgorithm } from "../keys/signature-algorithm.ts";
import { certsLimits } from "../limits.ts";
import {
  type AlternativeNames,
  altNameCapacity,
  writeAuthorityKeyId,
  writeSubjectAltName,
  writeSubjectKeyId,
} from "./extensions.ts";

/** Who signs, as far as the signed bytes are concerned. */
export interface IssuerInfo {
  readonly subjectDer: Uint8Array;
  readonly subjectKeyId: Uint8Array;
  readonly signatureAlgorithm: IssuerSignatureAlgorithm;
}

export interface TbsParts {
  readonly serial: Uint8Array;
  readonly signatureAlgorithm: IssuerSignatureAlgorithm;
  readonly issuerDer: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly subjectDer: Uint8Array;
  readonly spkiDer: Uint8Array;
  /** The ones that are not named below. */
  readonly extensions: readonly Uint8Array[];
  readonly subjectKeyId: Uint8Array;
  readonly authorityKeyId: Uint8Array;
  readonly altNames: AlternativeNames;
}

const version3 = fromHex("a003020102");
const nothing = new Uint8Array(0);
/** Version, serial number, algorithm, validity, key id extensions and four headers: 5 + 23 + 15 + 36 + 30 + 20. */
const maxOtherBytes = 160;

/** TBSCertificate (RFC 5280 §4.1). Throws ERR_TEMPLATE_INVALID, ERR_DER_TIME. */
export function encodeTbs(parts: TbsParts): Uint8Array {
  if (!(Math.trunc(parts.notAfterMs / 1000) > Math.trunc(parts.notBeforeMs / 1000))) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the validity does not end after it begins");
  }
  let capacity = parts.issuerDer.length + parts.subjectDer.length + parts.spkiDer.length;
  capacity += parts.subjectKeyId.length + parts.authorityKeyId.length + altNameCapacity(parts.altNames);
  for (const extension of parts.extensions) capacity += extension.length;
  const out = new DerSplice(capacity + maxOtherBytes);
  const end = out.mark;
  // RFC 5280 §4.2.1.6: critical exactly when there is no other name.
  writeSubjectAltName(out, parts.altNames, parts.subjectDer.length === 2);
  writeAuthorityKeyId(out, parts.authorityKeyId);
  writeSubjectKeyId(out, parts.subjectKeyId);
  for (let i = parts.extensions.length - 1; i >= 0; i--) out.bytes(parts.extensions[i] ?? nothing);
  out.sequence(end);
  out.header(contextConstructed(3), end);
  out.bytes(parts.spkiDer);
  out.bytes(parts.subjectDer);
  const validityEnd = out.mark;
  out.bytes(encodeTime(parts.notAfterMs));
  out.bytes(encodeTime(parts.notBeforeMs));
  out.sequence(validityEnd);
  out.bytes(parts.issuerDer);
  out.bytes(algorithmIdentifier(parts.signatureAlgorithm));
  out.bytes(serialElement(parts.serial));
  out.bytes(version3);
  out.sequence(end);
  return out.toBytes();
}

function serialElement(serial: Uint8Array): Uint8Array {
  const element = unsignedInteger(serial);
  const content = element.length - 2;
  if (content > certsLimits.serialBytes.value || (content === 1 && element[2] === 0)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the serial number is zero or longer than 20 bytes");
  }
  return element;
}
