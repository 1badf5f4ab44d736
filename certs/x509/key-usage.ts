import { DerReader, decodeBitString } from "../der/reader.ts";
import { tag } from "../der/tags.ts";
import { CertsError } from "../errors.ts";

/** In bit order (RFC 5280 §4.2.1.3). */
const bits = [
  "digitalSignature",
  "contentCommitment",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;

/** What the key of a certificate is for (RFC 5280 §4.2.1.3). */
export type KeyUsage = (typeof bits)[number];

/** Throws ERR_DER_…; a named bit list has no trailing zero bits (X.690 §11.2.2), and at least one bit is set. */
export function parseKeyUsage(extensionValue: Uint8Array): ReadonlySet<KeyUsage> {
  const outer = DerReader.over(extensionValue);
  const { bytes, unusedBits } = decodeBitString(outer.read(tag.bitString));
  outer.finish();
  const length = bytes.length * 8 - unusedBits;
  const isSet = (bit: number): boolean => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
  if (length > bits.length) throw new CertsError("ERR_DER_UNEXPECTED", "key usage has unknown bits");
  if (length === 0) throw new CertsError("ERR_DER_UNEXPECTED", "key usage is empty");
  if (!isSet(length - 1)) throw new CertsError("ERR_DER_NOT_CANONICAL", "key usage ends in a zero bit");
  return new Set(bits.filter((_, bit) => isSet(bit)));
}
