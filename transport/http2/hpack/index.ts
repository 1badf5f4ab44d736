/** Header compression (RFC 7541): a decoder for each connection, an encoder without state. */
export { type DecodedBlock, HpackDecoder, type HpackLimits } from "./decoder.ts";
export { encodeHeaderBlock } from "./encoder.ts";
export { HpackError } from "./hpack-error.ts";
