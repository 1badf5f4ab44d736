/**
 * A header block that RFC 7541 calls a decoding error. What the dynamic table holds afterwards is not known to both
 * sides any more: the connection ends with COMPRESSION_ERROR (RFC 9113 §4.3).
 */
export class HpackError extends Error {
  override readonly name = "HpackError";
}
