import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";

/** Dotted text of OBJECT IDENTIFIER content. Throws ERR_DER_NOT_CANONICAL, ERR_DER_TRUNCATED, ERR_DER_TOO_LARGE. */
export function decodeOid(content: Uint8Array): string {
  if (content.length === 0) throw new CertsError("ERR_DER_TRUNCATED", "empty object identifier");
  if (content.length > certsLimits.oidBytes.value) {
    throw new CertsError("ERR_DER_TOO_LARGE", `object identifier of ${content.length} bytes`);
  }
  let text = "";
  let start = 0;
  for (let i = 0; i < content.length; i++) {
    if (((content[i] ?? 0) & 0x80) !== 0) continue;
    const arc = decodeArc(content, start, i);
    text += start === 0 ? firstArcs(arc) : `.${arc}`;
    start = i + 1;
  }
  if (start !== content.length) throw new CertsError("ERR_DER_TRUNCATED", "object identifier ends inside an arc");
  return text;
}

/** The first two arcs share one number (X.690 §8.19.4). */
function firstArcs(arc: number | bigint): string {
  if (typeof arc === "bigint") return `2.${arc - 80n}`;
  const root = Math.min(2, Math.trunc(arc / 40));
  return `${root}.${arc - root * 40}`;
}

/** Seven digits fit a number; UUID-based identifiers (2.25.…) have arcs of 128 bits. */
function decodeArc(content: Uint8Array, start: number, end: number): number | bigint {
  if (content[start] === 0x80) throw new CertsError("ERR_DER_NOT_CANONICAL", "object identifier with a padded arc");
  if (end - start < 7) {
    let value = 0;
    for (let i = start; i <= end; i++) value = value * 128 + ((content[i] ?? 0) & 0x7f);
    return value;
  }
  let value = 0n;
  for (let i = start; i <= end; i++) value = (value << 7n) | BigInt((content[i] ?? 0) & 0x7f);
  return value;
}

const oidPattern = /^[0-2](?:\.(?:0|[1-9][0-9]*))+$/;

/** Content octets of a dotted OID. Throws ERR_DER_UNEXPECTED. */
export function encodeOid(text: string): Uint8Array {
  if (text.length > 256 || !oidPattern.test(text)) {
    throw new CertsError("ERR_DER_UNEXPECTED", "not a dotted object identifier");
  }
  const [first = 0n, second = 0n, ...rest] = text.split(".").map(BigInt);
  if (first < 2n && second > 39n) {
    throw new CertsError("ERR_DER_UNEXPECTED", "second arc of the object identifier is out of range");
  }
  const out: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const digits: number[] = [];
    let value = arc;
    do {
      digits.unshift(Number(value & 0x7fn) | (digits.length > 0 ? 0x80 : 0));
      value >>= 7n;
    } while (value > 0n);
    out.push(...digits);
  }
  return Uint8Array.from(out);
}
