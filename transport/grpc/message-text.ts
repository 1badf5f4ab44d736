const longestText = 2_048;

/** `grpc-message`: percent-encoded, as the HTTP/2 mapping of gRPC says; cut to a length that fits every client. */
export function encodeMessageText(text: string): string {
  const bytes = Buffer.from(text.length > longestText ? `${text.slice(0, longestText)}…` : text, "utf8");
  let encoded = "";
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** Never fails: what is no valid escape stays as it is. */
export function decodeMessageText(encoded: string): string {
  if (!encoded.includes("%")) return encoded;
  const bytes: number[] = [];
  for (let index = 0; index < encoded.length; index += 1) {
    const escaped = /^%[0-9a-fA-F]{2}/.exec(encoded.slice(index, index + 3));
    if (escaped === null) {
      bytes.push(...Buffer.from(encoded.charAt(index), "utf8"));
    } else {
      bytes.push(Number.parseInt(escaped[0].slice(1), 16));
      index += 2;
    }
  }
  return Buffer.from(bytes).toString("utf8");
}
