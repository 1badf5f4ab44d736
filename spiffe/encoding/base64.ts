/**
 * Strict base64url (RFC 7515 §2): no padding, no other characters, unused bits zero, so that each byte string has
 * one spelling. `undefined` when `text` is anything else.
 */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  return decodeExact(text, "base64url");
}

/** Strict standard base64 with padding and without line breaks, as `x5c` demands (RFC 7517 §4.7). */
export function decodeBase64(text: string): Uint8Array | undefined {
  return decodeExact(text, "base64");
}

export function encodeBase64Url(data: string | Uint8Array): string {
  return Buffer.from(data).toString("base64url");
}

export function encodeBase64(data: Uint8Array): string {
  return Buffer.from(data).toString("base64");
}

function decodeExact(text: string, encoding: "base64" | "base64url"): Uint8Array | undefined {
  const bytes = Buffer.from(text, encoding);
  return bytes.toString(encoding) === text ? bytes : undefined;
}
