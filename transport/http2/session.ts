import type { Duplex } from "node:stream";
import { transportLimits } from "../limits.ts";
import type { StreamEnd } from "./closed-streams.ts";
import { ConnectionError, errorCode } from "./errors.ts";
import { defaultWindow, maxWindow } from "./flow-window.ts";
import { FrameCutter } from "./frame-cutter.ts";
import { goawayFrame, preface, settingsFrame } from "./frames.ts";
import { IncomingFrames, type IncomingOptions, type IncomingTarget } from "./incoming-frames.ts";
import { Output, type OutputOwner } from "./output.ts";
import type { RequestHead } from "./request-head.ts";
import { setting } from "./settings.ts";
import { Http2Stream, type StreamOwner } from "./stream.ts";

export type Http2SessionOptions = IncomingOptions;

export interface Http2SessionHandler {
  /** A request has come; attach to the stream to hear the rest of it. */
  onStream(stream: Http2Stream, head: RequestHead): void;
  /** The peer did what it may not, and the connection ends. */
  onBroken(error: ConnectionError): void;
  /** Something of ours threw; the connection ends with INTERNAL_ERROR. */
  onFault(error: unknown): void;
  /** The connection is gone, and all its streams before. Called once. */
  onClosed(): void;
}

/** Data that is collected for one write. */
const batchBytes = 64 * 1024;
/** RFC 9113 §6.8: says that the connection is about to end while every request on its way is still taken. */
const noStreamRefused = maxWindow;

/**
 * The server's side of an HTTP/2 connection (RFC 9113). Frames in, calls of its handler out, and the other way round; it
 * knows nothing of gRPC. What a peer may not do ends its stream or, with GOAWAY, the connection; nothing is thrown.
 */
export class Http2ServerSession implements IncomingTarget, OutputOwner, StreamOwner {
  readonly #socket: Duplex;
  readonly #options: Http2SessionOptions;
  readonly #handler: Http2SessionHandler;
  readonly #output: Output;
  readonly #incoming: IncomingFrames;
  readonly #cutter: FrameCutter;
  readonly #streams = new Map<number, Http2Stream>();
  /** Streams with data that may go out, in the order of their turns. */
  readonly #ready: Http2Stream[] = [];
  #sendWindow = defaultWindow;
  #initialWindow = defaultWindow;
  #prefaceBytes = 0;
  #state: "open" | "leaving" | "ending" | "over" = "open";
  #isPaused = false;

  constructor(socket: Duplex, options: Http2SessionOptions, handler: Http2SessionHandler) {
    this.#socket = socket;
    this.#options = options;
    this.#handler = handler;
    this.#output = new Output(socket, this);
    this.#incoming = new IncomingFrames(this, options);
    this.#cutter = new FrameCutter(this.#incoming);
    socket.on("data", (chunk: Buffer) => this.#onChunk(chunk));
    socket.on("end", () => this.destroy());
    socket.on("error", () => {
      // "close" follows.
    });
    socket.once("close", () => {
      this.destroy();
      handler.onClosed();
    });
  }

  /** The client's preface and settings have come. */
  get isGreeted(): boolean {
    return this.#incoming.isGreeted;
  }

  /** New requests are not taken. */
  get isLeaving(): boolean {
    return this.#state !== "open";
  }

  /** Everything is said; the socket is about to close. */
  get isEnding(): boolean {
    return this.#state === "ending" || this.#state === "over";
  }

  /** GOAWAY that refuses nothing yet: a request that the client sent before reading it is still served. */
  announceLeave(): void {
    if (this.#state === "open" && this.isGreeted) this.push(goawayFrame(noStreamRefused, errorCode.noError));
  }

  /** GOAWAY: requests of before go on, and with the last of them the connection ends. */
  leave(): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    if (this.isGreeted) this.push(goawayFrame(this.#incoming.lastTakenId, errorCode.noError));
    this.#endIfEmpty();
  }

  /** Closes everything at once. */
  destroy(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#abandonAll(errorCode.cancel);
    this.#socket.destroy();
  }

  #onChunk(chunk: Buffer): void {
    if (this.isEnding) return;
    try {
      const rest = this.#prefaceBytes < preface.length ? this.#greet(chunk) : chunk;
      if (rest.length > 0) this.#cutter.push(rest);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Reads the preface, answers it with our settings, and returns what is behind it. */
  #greet(chunk: Buffer): Buffer {
    const seen = Math.min(chunk.length, preface.length - this.#prefaceBytes);
    const isRight = chunk.compare(preface, this.#prefaceBytes, this.#prefaceBytes + seen, 0, seen) === 0;
    this.#prefaceBytes += seen;
    if (isRight && this.#prefaceBytes < preface.length) return chunk.subarray(seen);
    const { maxConcurrentStreams, maxHeaderListBytes } = this.#options;
    this.push(
      settingsFrame([
        [setting.maxConcurrentStreams, maxConcurrentStreams],
        [setting.maxHeaderListSize, maxHeaderListBytes],
      ]),
    );
    if (!isRight) throw new ConnectionError(errorCode.protocolError, "this is not HTTP/2");
    return chunk.subarray(seen);
  }

  /** GOAWAY with what is wrong, then the end. */
  #fail(error: unknown): void {
    const isBroken = error instanceof ConnectionError;
    if (isBroken) this.#handler.onBroken(error);
    else this.#handler.onFault(error);
    const code = isBroken ? error.code : errorCode.internalError;
    this.push(goawayFrame(this.#incoming.lastTakenId, code, isBroken ? error.message : ""));
    this.#end(code);
  }

  #end(code: number): void {
    if (this.isEnding) return;
    this.#state = "ending";
    this.#abandonAll(code);
    if (this.#isPaused) this.#socket.resume();
    this.#output.end(() => this.destroy());
  }

  #endIfEmpty(): void {
    if (this.#state === "leaving" && this.#streams.size === 0) this.#end(errorCode.noError);
  }

  #abandonAll(code: number): void {
    for (const stream of [...this.#streams.values()]) stream.abandon(code);
    this.#ready.length = 0;
  }

  // For the streams.

  sendable(): number {
    return this.#output.isBlocked ? 0 : this.#sendWindow;
  }

  countSent(bytes: number): void {
    this.#sendWindow -= bytes;
    this.#incoming.countData(bytes);
  }

  push(bytes: Uint8Array): void {
    if (!this.isEnding) this.#output.push(bytes);
  }

  enqueue(stream: Http2Stream): void {
    stream.isEnqueued = true;
    this.#ready.push(stream);
    this.#output.schedule();
  }

  onStreamClosed(stream: Http2Stream, end: StreamEnd): void {
    this.#streams.delete(stream.id);
    this.#incoming.remember(stream, end);
    this.#endIfEmpty();
  }

  // For the output.

  /** Streams take turns of one frame. */
  fill(): void {
    while (this.#sendWindow > 0 && this.#output.queuedBytes < batchBytes) {
      const stream = this.#ready.shift();
      if (stream === undefined) return;
      stream.isEnqueued = false;
      if (stream.sendNext() && !stream.isEnqueued) this.enqueue(stream);
    }
  }

  onRoom(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.isFull) return;
    this.#socket.resume();
    try {
      this.#cutter.resume();
    } catch (error) {
      this.#fail(error);
    }
  }

  // For what comes in.

  get streams(): ReadonlyMap<number, Http2Stream> {
    return this.#streams;
  }

  /** Who does not read what we say is not heard: answers to a flood are a flood themselves. */
  get isFull(): boolean {
    if (this.isEnding) return true;
    if (this.#output.unsentBytes <= transportLimits.unsentBytes) return false;
    if (!this.#isPaused) this.#socket.pause();
    this.#isPaused = true;
    return true;
  }

  open(id: number, head: RequestHead, isRemoteEnded: boolean): Http2Stream {
    const stream = new Http2Stream(id, this, {
      sendWindow: this.#initialWindow,
      contentLength: head.contentLength,
      isRemoteEnded,
    });
    this.#streams.set(id, stream);
    this.#handler.onStream(stream, head);
    return stream;
  }

  widen(bytes: number): boolean {
    this.#sendWindow += bytes;
    if (this.#sendWindow > maxWindow) return false;
    if (this.#ready.length > 0) this.#output.schedule();
    return true;
  }

  setInitialWindow(bytes: number): boolean {
    const more = bytes - this.#initialWindow;
    this.#initialWindow = bytes;
    let isInRange = true;
    for (const stream of this.#streams.values()) isInRange = stream.widen(more) && isInRange;
    return isInRange;
  }
}
