/** `0`–`9`, `.`, `-`, `_`: what a host and a path segment have in common. Compared as numbers, not by regular expression (trap P-01). */
function isCommonCharacter(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2e || code === 0x2d || code === 0x5f;
}

/** SPIFFE-ID §2.1. */
export function isTrustDomainCharacter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || isCommonCharacter(code);
}

/** SPIFFE-ID §2.2. */
export function isPathCharacter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || isCommonCharacter(code);
}

/** One character of hostile input in a form that is safe in messages and logs. */
export function describeCharacter(text: string, offset: number): string {
  const code = text.codePointAt(offset) ?? 0;
  const hex = code.toString(16).toUpperCase().padStart(4, "0");
  const printable = code > 0x20 && code < 0x7f;
  return printable ? `"${String.fromCharCode(code)}" (U+${hex})` : `U+${hex}`;
}
