import { commonErrors } from "../errors/common.ts";

const prefixBytes = 5;
const nothing = Buffer.alloc(0);

/** A gRPC length-prefixed message: flag 0 (not compressed), length, bytes. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.byteLength);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/**
 * Cuts a byte stream into gRPC messages. Bytes of an unfinished message are copied into memory of its own, which grows
 * with them: a chunk of one byte may hang on to the 64 KiB that were read with it. A length over the limit is refused
 * when its prefix is read, before the bytes are collected. Compressed messages are refused: nothing of ours asks for
 * them.
 */
export class FrameReader {
  readonly #maxMessageBytes: number;
  #kept: Buffer = nothing;
  #length = 0;
  /** Of the unfinished message with its prefix; known once the prefix is complete. */
  #total = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes of a message that is not complete are waiting. */
  get isMidMessage(): boolean {
    return this.#length > 0;
  }

  /** Memory taken by the unfinished message. */
  get heldBytes(): number {
    return this.#kept.length;
  }

  /**
   * The messages completed by `chunk`, in order. They may share its memory.
   * Throws `ERR_MESSAGE_TOO_LARGE`, `ERR_UNIMPLEMENTED` (compressed) or `ERR_MALFORMED_REQUEST`.
   */
  push(chunk: Buffer): readonly Buffer[] {
    const messages: Buffer[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#length === 0 && rest.length >= prefixBytes) {
        const total = prefixBytes + this.#messageLength(rest);
        if (rest.length >= total) {
          messages.push(rest.subarray(prefixBytes, total));
          rest = rest.subarray(total);
          continue;
        }
      }
      rest = this.#keepFrom(rest);
      if (this.#length === this.#total) messages.push(this.#take());
    }
    return messages;
  }

  /** Forgets the unfinished message. */
  drop(): void {
    this.#kept = nothing;
    this.#length = 0;
    this.#total = 0;
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

  /** Copies what is missing of the prefix, or of the message; returns what is left of `bytes`. */
  #keepFrom(bytes: Buffer): Buffer {
    const isInPrefix = this.#length < prefixBytes;
    const part = bytes.subarray(0, (isInPrefix ? prefixBytes : this.#total) - this.#length);
    this.#reserve(this.#length + part.length);
    part.copy(this.#kept, this.#length);
    this.#length += part.length;
    if (isInPrefix && this.#length === prefixBytes) this.#total = prefixBytes + this.#messageLength(this.#kept);
    return bytes.subarray(part.length);
  }

  /** Twice as much whenever it is full, never more than the message needs. */
  #reserve(bytes: number): void {
    if (bytes <= this.#kept.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(this.#total, this.#kept.length * 2)));
    this.#kept.copy(grown, 0, 0, this.#length);
    this.#kept = grown;
  }

  #take(): Buffer {
    const message = this.#kept.subarray(prefixBytes, this.#total);
    this.drop();
    return message;
  }
}
