/** HTTP/2 for servers (RFC 9113). */
export { type ConnectionError, errorCode } from "./errors.ts";
export { encodeHeaderBlock } from "./hpack/index.ts";
export type { RequestHead } from "./request-head.ts";
export { Http2ServerSession, type Http2SessionHandler, type Http2SessionOptions } from "./session.ts";
export type { Http2Stream, StreamHandler } from "./stream.ts";
