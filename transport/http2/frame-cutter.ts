import { ConnectionError, errorCode } from "./errors.ts";
import { headBytes, maxPayloadBytes, readUint31 } from "./frames.ts";

/** Where frames go. A payload is `bytes` from `from` to `end`. */
export interface FrameSink {
  /** No more frames are wanted for now. */
  readonly isFull: boolean;
  frame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, end: number): void;
}

const smallestKeptBytes = 64;

/**
 * Cuts what arrives into frames. Frames that are whole in a chunk are not copied; one that is not is collected in memory
 * of its own, which grows with what arrived of it. Throws ConnectionError FRAME_SIZE_ERROR at a frame that is too large.
 */
export class FrameCutter {
  readonly #sink: FrameSink;
  /** The beginning of a frame. */
  #kept: Buffer | undefined;
  #keptBytes = 0;
  /** What the sink was too full for. */
  #waiting: Buffer | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    this.#waiting = this.#waiting === undefined ? chunk : Buffer.concat([this.#waiting, chunk]);
    this.resume();
  }

  /** Goes on with what the sink was too full for. */
  resume(): void {
    const chunk = this.#waiting;
    if (chunk === undefined) return;
    this.#waiting = undefined;
    let at = this.#kept === undefined ? 0 : this.#complete(this.#kept, chunk);
    while (at + headBytes <= chunk.length) {
      if (this.#sink.isFull) {
        this.#waiting = chunk.subarray(at);
        return;
      }
      const end = at + headBytes + payloadBytes(chunk, at);
      if (end > chunk.length) break;
      this.#emit(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#keep(chunk, at, chunk.length);
  }

  #emit(bytes: Buffer, at: number, end: number): void {
    this.#sink.frame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, readUint31(bytes, at + 5), bytes, at + headBytes, end);
  }

  /** Adds what is missing of the frame that was begun; returns how much of `chunk` that was. */
  #complete(kept: Buffer, chunk: Buffer): number {
    let at = 0;
    if (this.#keptBytes < headBytes) {
      at = Math.min(headBytes - this.#keptBytes, chunk.length);
      kept.set(chunk.subarray(0, at), this.#keptBytes);
      this.#keptBytes += at;
      if (this.#keptBytes < headBytes) return at;
    }
    const total = headBytes + payloadBytes(kept, 0);
    const end = Math.min(chunk.length, at + total - this.#keptBytes);
    this.#keep(chunk, at, end, total);
    if (this.#keptBytes < total) return end;
    const whole = this.#kept ?? kept;
    this.#kept = undefined;
    this.#keptBytes = 0;
    this.#emit(whole, 0, total);
    return end;
  }

  #keep(chunk: Buffer, from: number, end: number, most = headBytes + maxPayloadBytes): void {
    const needed = this.#keptBytes + end - from;
    if (this.#kept === undefined || needed > this.#kept.length) {
      const room = Math.max(needed, Math.min(most, Math.max(smallestKeptBytes, 2 * this.#keptBytes)));
      const grown = Buffer.allocUnsafeSlow(room);
      this.#kept?.copy(grown, 0, 0, this.#keptBytes);
      this.#kept = grown;
    }
    chunk.copy(this.#kept, this.#keptBytes, from, end);
    this.#keptBytes = needed;
  }
}

function payloadBytes(bytes: Buffer, at: number): number {
  const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  if (length > maxPayloadBytes) {
    throw new ConnectionError(errorCode.frameSizeError, `a frame of ${length} bytes is larger than ${maxPayloadBytes}`);
  }
  return length;
}
