import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { tag } from "./tags.ts";

function headerLength(length: number): number {
  if (length < 0x80) return 2;
  if (length < 0x100) return 3;
  if (length < 0x10000) return 4;
  return 5;
}

/** One element with the given content parts, in one allocation. Throws ERR_DER_TOO_LARGE above derBytes. */
export function tlv(tagOctet: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > certsLimits.derBytes.value) throw new CertsError("ERR_DER_TOO_LARGE", `element of ${length} bytes`);
  const header = headerLength(length);
  const out = new Uint8Array(header + length);
  out[0] = tagOctet;
  if (header === 2) {
    out[1] = length;
  } else {
    out[1] = 0x80 | (header - 2);
    for (let i = header - 1, rest = length; i > 1; i--, rest >>>= 8) out[i] = rest & 0xff;
  }
  let offset = header;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** INTEGER of an unsigned big-endian magnitude of any length; leading zeros are dropped. */
export function unsignedInteger(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const minimal = magnitude.subarray(start);
  if (minimal.length === 0) return tlv(tag.integer, zero);
  return ((minimal[0] ?? 0) & 0x80) !== 0 ? tlv(tag.integer, zero, minimal) : tlv(tag.integer, minimal);
}

const zero = Uint8Array.of(0);

/** BIT STRING with a whole number of bytes. */
export function bitString(bytes: Uint8Array): Uint8Array {
  return tlv(tag.bitString, zero, bytes);
}
