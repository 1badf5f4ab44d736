import type { StreamEnd } from "./closed-streams.ts";
import { errorCode } from "./errors.ts";
import { maxWindow, ReceiveWindow } from "./flow-window.ts";
import { frameType, headBytes, headersBytes, maxPayloadBytes, numberFrame, writeHead, writeHeaders } from "./frames.ts";

/** Who hears of a stream. Nothing comes after `onClosed`. */
export interface StreamHandler {
  /** Bytes of the request; the peer may send as many more when they are given to `consume`. */
  onData(chunk: Buffer): void;
  /** The request is complete. */
  onEnd(): void;
  /** Both sides are done, or one gave up: RFC 9113 §7. */
  onClosed(code: number): void;
}

/** What a stream needs of its session. */
export interface StreamOwner {
  /** What may go out on the connection now. */
  sendable(): number;
  /** Counts data that goes out. */
  countSent(bytes: number): void;
  push(bytes: Uint8Array): void;
  /** The stream has data that may go out. */
  enqueue(stream: Http2Stream): void;
  onStreamClosed(stream: Http2Stream, end: StreamEnd): void;
}

interface PendingWrite {
  bytes: Uint8Array;
  readonly onTaken: (isTaken: boolean) => void;
}

const nobody: StreamHandler = Object.freeze({ onData: () => {}, onEnd: () => {}, onClosed: () => {} });
const copiedBytes = 1_024;

/** One request and its answer. Header blocks are HPACK that leaves no trace in the peer's table. */
export class Http2Stream {
  readonly id: number;
  readonly #owner: StreamOwner;
  #handler = nobody;
  #incoming: ReceiveWindow | undefined;
  #sendWindow: number;
  /** Of the body as announced; -1 when it is not. */
  #bodyLeft: number;
  #isRemoteEnded: boolean;
  #isEnded = false;
  #isClosed = false;
  #hasAnswered = false;
  /** Queued with the session, which takes turns. */
  isEnqueued = false;
  #writes: PendingWrite[] | undefined;
  /** Goes out behind the last write. */
  #trailers: Uint8Array | undefined;

  constructor(id: number, owner: StreamOwner, options: StreamOptions) {
    this.id = id;
    this.#owner = owner;
    this.#sendWindow = options.sendWindow;
    this.#bodyLeft = options.contentLength ?? -1;
    this.#isRemoteEnded = options.isRemoteEnded;
  }

  attach(handler: StreamHandler): void {
    this.#handler = handler;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The request is complete. */
  get isRemoteEnded(): boolean {
    return this.#isRemoteEnded;
  }

  /** The first headers of the answer are sent. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** The answer's headers; more follows. */
  respond(block: Uint8Array): void {
    this.#sendHeaders(block, false);
  }

  /** An answer that is nothing but headers, or the trailers behind what was written; the stream's end on our side. */
  end(block: Uint8Array): void {
    if (this.#isClosed || this.#isEnded || this.#trailers !== undefined) return;
    if (this.#writes === undefined) this.#sendHeaders(block, true);
    else this.#trailers = block;
  }

  /** Headers, all data and trailers at once. */
  answer(headers: Uint8Array, data: Uint8Array, trailers: Uint8Array): void {
    if (this.#isClosed || this.#isEnded) return;
    const room = Math.min(this.#sendWindow, this.#owner.sendable());
    if (this.#hasAnswered || data.length > room || data.length > maxPayloadBytes) {
      if (!this.#hasAnswered) this.respond(headers);
      this.write(data, () => {});
      this.end(trailers);
      return;
    }
    const total = headersBytes(headers) + headBytes + data.length + headersBytes(trailers);
    const bytes = Buffer.allocUnsafe(total);
    let at = writeHeaders(bytes, 0, this.id, headers, false);
    at = writeHead(bytes, at, data.length, frameType.data, 0, this.id);
    bytes.set(data, at);
    writeHeaders(bytes, at + data.length, this.id, trailers, true);
    this.#sendWindow -= data.length;
    this.#owner.countSent(data.length);
    this.#owner.push(bytes);
    this.#hasAnswered = true;
    this.#ended();
  }

  /** `onTaken` is called once: when the bytes are on their way, or (false) when they will never be. */
  write(bytes: Uint8Array, onTaken: (isTaken: boolean) => void): void {
    if (this.#isClosed || this.#isEnded || this.#trailers !== undefined) {
      onTaken(false);
      return;
    }
    this.#writes ??= [];
    this.#writes.push({ bytes, onTaken });
    this.#enqueue();
  }

  /** The peer may send so many bytes more. */
  consume(bytes: number): void {
    if (this.#isRemoteEnded || this.#isClosed || this.#incoming === undefined) return;
    const credit = this.#incoming.take(bytes);
    if (credit > 0) this.#owner.push(numberFrame(frameType.windowUpdate, this.id, credit));
  }

  /** Gives the stream up: RST_STREAM. */
  reset(code: number): void {
    if (this.#isClosed) return;
    this.#owner.push(numberFrame(frameType.rstStream, this.id, code));
    this.#close(code, "reset-by-us");
  }

  /** The peer gave the stream up, or is gone. */
  abandon(code: number): void {
    this.#close(code, "reset-by-peer");
  }

  /** Counts what arrived; the answer is the error code of what may not arrive. `body`: without padding. */
  receive(bytes: number, body: number): number {
    if (this.#isRemoteEnded) return errorCode.streamClosed;
    this.#incoming ??= new ReceiveWindow();
    if (!this.#incoming.receive(bytes)) return errorCode.flowControlError;
    if (this.#bodyLeft >= 0) {
      this.#bodyLeft -= body;
      if (this.#bodyLeft < 0) return errorCode.protocolError;
    }
    if (bytes > body) this.consume(bytes - body);
    return errorCode.noError;
  }

  deliver(chunk: Buffer): void {
    this.#handler.onData(chunk);
  }

  /** The peer is done. False: it announced a longer body. */
  endRemote(): boolean {
    if (this.#bodyLeft > 0) return false;
    this.#isRemoteEnded = true;
    this.#handler.onEnd();
    if (this.#isEnded) this.#close(errorCode.noError, "ended");
    return true;
  }

  /** False: the window would be larger than one may be. */
  widen(bytes: number): boolean {
    this.#sendWindow += bytes;
    if (this.#sendWindow > maxWindow) return false;
    this.#enqueue();
    return true;
  }

  /** Sends one frame of what waits, if windows allow; whether there is more that may go out. */
  sendNext(): boolean {
    const [write] = this.#writes ?? [];
    if (this.#writes === undefined || write === undefined) return false;
    const bytes = Math.min(write.bytes.length, this.#sendWindow, this.#owner.sendable(), maxPayloadBytes);
    if (bytes <= 0 && write.bytes.length > 0) return false;
    this.#sendWindow -= bytes;
    this.#owner.countSent(bytes);
    this.#pushData(write.bytes.subarray(0, bytes));
    write.bytes = write.bytes.subarray(bytes);
    if (write.bytes.length > 0) return this.#sendWindow > 0;
    this.#writes.shift();
    if (this.#writes.length === 0) this.#writes = undefined;
    if (this.#writes === undefined && this.#trailers !== undefined) this.#sendHeaders(this.#trailers, true);
    write.onTaken(true);
    return this.#writes !== undefined && this.#sendWindow > 0;
  }

  #pushData(data: Uint8Array): void {
    const isCopied = data.length <= copiedBytes;
    const bytes = Buffer.allocUnsafe(headBytes + (isCopied ? data.length : 0));
    writeHead(bytes, 0, data.length, frameType.data, 0, this.id);
    if (isCopied) bytes.set(data, headBytes);
    this.#owner.push(bytes);
    if (!isCopied) this.#owner.push(data);
  }

  #enqueue(): void {
    if (this.isEnqueued || this.#writes === undefined || this.#sendWindow <= 0) return;
    this.#owner.enqueue(this);
  }

  #sendHeaders(block: Uint8Array, endsStream: boolean): void {
    if (this.#isClosed || this.#isEnded) return;
    const bytes = Buffer.allocUnsafe(headersBytes(block));
    writeHeaders(bytes, 0, this.id, block, endsStream);
    this.#owner.push(bytes);
    this.#hasAnswered = true;
    if (endsStream) this.#ended();
  }

  #ended(): void {
    this.#isEnded = true;
    if (this.#isRemoteEnded) this.#close(errorCode.noError, "ended");
  }

  #close(code: number, end: StreamEnd): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const writes = this.#writes ?? [];
    this.#writes = undefined;
    this.#trailers = undefined;
    this.#owner.onStreamClosed(this, end);
    this.#handler.onClosed(code);
    for (const { onTaken } of writes) onTaken(false);
  }
}

export interface StreamOptions {
  readonly sendWindow: number;
  readonly contentLength: number | undefined;
  readonly isRemoteEnded: boolean;
}
