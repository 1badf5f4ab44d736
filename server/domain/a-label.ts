/**
 * Is `xn--…` (lower case) the A-label of something that IDNA 2008 lets stand in a domain name (RFC 5891 §4.2, RFC 5892)?
 * Stricter than registries: only letters, marks and digits of any script, in their normal, lower-case form. Contextual
 * characters (joiners, middle dot) are refused; nobody has asked for them in a workload's name. Whether directions mix
 * well (RFC 5893) is left to those who display names.
 */
export function isALabel(label: string): boolean {
  const text = decodePunycode(label.slice("xn--".length));
  if (text === undefined || /^[\x20-\x7e]*$/.test(text)) return false;
  const isNormal = text.normalize("NFKC").toLowerCase().normalize("NFKC") === text;
  return isNormal && /^[\p{L}\p{Nd}][\p{L}\p{M}\p{Nd}-]*$/u.test(text) && !text.endsWith("-");
}

const base = 36;

/** RFC 3492 §6.2; `undefined` when it is no Punycode. */
function decodePunycode(encoded: string): string | undefined {
  const delimiter = encoded.lastIndexOf("-");
  const output = delimiter > 0 ? [...encoded.slice(0, delimiter)] : [];
  let position = delimiter > 0 ? delimiter + 1 : 0;
  let codePoint = 128;
  let index = 0;
  let bias = 72;
  while (position < encoded.length) {
    const start = index;
    let weight = 1;
    for (let k = base; ; k += base) {
      const digit = digitOf(encoded.charCodeAt(position));
      position += 1;
      if (digit === undefined) return undefined;
      index += digit * weight;
      if (index > 0x7fffffff) return undefined;
      const threshold = Math.min(Math.max(k - bias, 1), 26);
      if (digit < threshold) break;
      weight *= base - threshold;
    }
    const count = output.length + 1;
    bias = adapt(index - start, count, start === 0);
    codePoint += Math.floor(index / count);
    if (codePoint > 0x10ffff) return undefined;
    index %= count;
    output.splice(index, 0, String.fromCodePoint(codePoint));
    index += 1;
  }
  return output.join("");
}

/** `undefined` also past the end (NaN). */
function digitOf(code: number): number | undefined {
  if (code >= 0x61 && code <= 0x7a) return code - 0x61;
  return code >= 0x30 && code <= 0x39 ? code - 0x30 + 26 : undefined;
}

/** RFC 3492 §6.1. */
function adapt(distance: number, count: number, isFirst: boolean): number {
  let delta = Math.floor(distance / (isFirst ? 700 : 2));
  delta += Math.floor(delta / count);
  let k = 0;
  for (; delta > 455; k += base) delta = Math.floor(delta / 35);
  return k + Math.floor((36 * delta) / (delta + 38));
}
