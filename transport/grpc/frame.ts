import { commonErrors } from "../errors/common.ts";

const prefixBytes = 5;

/** A gRPC length-prefixed message: flag 0 (not compressed), length, bytes. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.byteLength);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/**
 * Cuts a byte stream into gRPC messages. Holds at most one message's bytes; a length over the limit is refused when
 * its prefix is read, before the bytes are collected. Compressed messages are refused: nothing of ours asks for them.
 */
export class FrameReader {
  readonly #maxMessageBytes: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes of a message that is not complete are waiting. */
  get isMidMessage(): boolean {
    return this.#length > 0;
  }

  /**
   * The messages completed by `chunk`, in order. They may share its memory.
   * Throws `ERR_MESSAGE_TOO_LARGE`, `ERR_UNIMPLEMENTED` (compressed) or `ERR_MALFORMED_REQUEST`.
   */
  push(chunk: Buffer): readonly Buffer[] {
    if (chunk.length === 0) return [];
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const messages: Buffer[] = [];
    while (this.#length >= prefixBytes) {
      const total = prefixBytes + this.#messageLength(this.#contiguous(prefixBytes));
      if (this.#length < total) break;
      const whole = this.#contiguous(total);
      messages.push(whole.subarray(prefixBytes, total));
      this.#drop(total);
    }
    return messages;
  }

  #messageLength(head: Buffer): number {
    const flag = head[0];
    if (flag === 1) throw commonErrors.error("ERR_UNIMPLEMENTED", "compressed messages are not accepted");
    if (flag !== 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", "message framing is broken");
    const length = head.readUInt32BE(1);
    if (length > this.#maxMessageBytes) {
      throw commonErrors.error(
        "ERR_MESSAGE_TOO_LARGE",
        `message of ${length} bytes is larger than ${this.#maxMessageBytes}`,
      );
    }
    return length;
  }

  /** The first chunk, joined with as many as it takes to hold `bytes`. */
  #contiguous(bytes: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #drop(bytes: number): void {
    const rest = this.#chunks[0]?.subarray(bytes);
    if (rest === undefined || rest.length === 0) this.#chunks.shift();
    else this.#chunks[0] = rest;
    this.#length -= bytes;
  }
}
