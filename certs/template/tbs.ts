import { fromHex } from "../bytes.ts";
import { tlv, unsignedInteger } from "../der/encode.ts";
import { contextConstructed, tag } from "../der/tags.ts";
import { encodeTime } from "../der/time.ts";
import { CertsError } from "../errors.ts";
import { algorithmIdentifier, type IssuerSignatureAlgorithm } from "../keys/signature-algorithm.ts";
import { certsLimits } from "../limits.ts";

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
  readonly extensions: readonly Uint8Array[];
}

const version3 = fromHex("a003020102");

/** TBSCertificate (RFC 5280 §4.1). Throws ERR_TEMPLATE_INVALID, ERR_DER_TIME. */
export function encodeTbs(parts: TbsParts): Uint8Array {
  if (!(Math.trunc(parts.notAfterMs / 1000) > Math.trunc(parts.notBeforeMs / 1000))) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the validity does not end after it begins");
  }
  return tlv(
    tag.sequence,
    version3,
    serialElement(parts.serial),
    algorithmIdentifier(parts.signatureAlgorithm),
    parts.issuerDer,
    tlv(tag.sequence, encodeTime(parts.notBeforeMs), encodeTime(parts.notAfterMs)),
    parts.subjectDer,
    parts.spkiDer,
    tlv(contextConstructed(3), tlv(tag.sequence, ...parts.extensions)),
  );
}

function serialElement(serial: Uint8Array): Uint8Array {
  const element = unsignedInteger(serial);
  const content = element.length - 2;
  if (content > certsLimits.serialBytes.value || (content === 1 && element[2] === 0)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the serial number is zero or longer than 20 bytes");
  }
  return element;
}
