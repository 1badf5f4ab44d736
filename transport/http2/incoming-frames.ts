import { transportLimits } from "../limits.ts";
import { Allowance } from "./allowance.ts";
import { ClosedStreams, type StreamEnd } from "./closed-streams.ts";
import { ConnectionError, errorCode } from "./errors.ts";
import { defaultWindow } from "./flow-window.ts";
import type { FrameSink } from "./frame-cutter.ts";
import { flag, frame, frameType, numberFrame, readUint31, withoutPadding } from "./frames.ts";
import { HeaderBlock } from "./header-block.ts";
import { type DecodedBlock, HpackDecoder, HpackError } from "./hpack/index.ts";
import { areTrailers, type RequestHead, readRequestHead } from "./request-head.ts";
import { readSettings } from "./settings.ts";
import type { Http2Stream } from "./stream.ts";

export interface IncomingOptions {
  readonly maxConcurrentStreams: number;
  /** As RFC 9113 §6.5.2 counts. */
  readonly maxHeaderListBytes: number;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/** What frames are about. */
export interface IncomingTarget {
  /** No frames are wanted for now. */
  readonly isFull: boolean;
  readonly streams: ReadonlyMap<number, Http2Stream>;
  push(bytes: Uint8Array): void;
  /** Whether requests are still taken. */
  readonly isLeaving: boolean;
  open(id: number, head: RequestHead, isRemoteEnded: boolean): Http2Stream;
  /** The connection's window; false when it would be larger than one may be. */
  widen(bytes: number): boolean;
  /** Every stream's window, of now and later; false as above. */
  setInitialWindow(bytes: number): boolean;
}

const headerTableBytes = 4_096;
const priorityBytes = 5;
const settingsAck = frame(frameType.settings, flag.ack, 0, Buffer.alloc(0));

/** Reads frames by RFC 9113 §5 and §6. Throws ConnectionError; errors of one stream reset that. */
export class IncomingFrames implements FrameSink {
  readonly #target: IncomingTarget;
  readonly #options: IncomingOptions;
  readonly #decoder: HpackDecoder;
  readonly #closed = new ClosedStreams();
  readonly #resets: Allowance;
  readonly #idle: Allowance;
  /** Data that the peer does not get credit for yet. */
  #uncredited = 0;
  #block: HeaderBlock | undefined;
  #highestId = 0;
  #lastTakenId = 0;
  #isGreeted = false;

  constructor(target: IncomingTarget, options: IncomingOptions) {
    this.#target = target;
    this.#options = options;
    this.#decoder = new HpackDecoder({
      maxTableBytes: headerTableBytes,
      maxListBytes: options.maxHeaderListBytes,
      maxFields: transportLimits.headerFields,
    });
    const { resets, resetsPerSecond, idleFrames, idleFramesPerSecond } = transportLimits;
    this.#resets = new Allowance({ burst: resets, perSecond: resetsPerSecond }, options.now);
    this.#idle = new Allowance({ burst: idleFrames, perSecond: idleFramesPerSecond }, options.now);
  }

  get isFull(): boolean {
    return this.#target.isFull;
  }

  /** The peer's first settings have come. */
  get isGreeted(): boolean {
    return this.#isGreeted;
  }

  /** The last request that was looked at. */
  get lastTakenId(): number {
    return this.#lastTakenId;
  }

  /** Data went either way, which makes up for frames without. */
  countData(bytes: number): void {
    this.#idle.earn(bytes / transportLimits.bytesPerIdleFrame);
  }

  remember(stream: Http2Stream, end: StreamEnd): void {
    this.#closed.add(stream.id, end);
    if (end === "ended") this.#idle.earn(transportLimits.idleFramesPerCall);
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, end: number): void {
    if (this.#block !== undefined && (type !== frameType.continuation || id !== this.#block.streamId)) {
      throw broken("a header block is interrupted");
    }
    if (!this.#isGreeted && (type !== frameType.settings || (flags & flag.ack) !== 0)) {
      throw broken("the first frame is not SETTINGS");
    }
    switch (type) {
      case frameType.data:
        this.#onData(flags, id, bytes, from, end);
        return;
      case frameType.headers:
        this.#onHeaders(flags, id, bytes, from, end);
        return;
      case frameType.continuation:
        this.#onContinuation(flags, bytes.subarray(from, end));
        return;
      case frameType.windowUpdate:
        this.#onWindowUpdate(id, bytes, from, end);
        return;
      case frameType.rstStream:
        this.#onReset(id, end - from);
        return;
      case frameType.settings:
        this.#onSettings(flags, id, bytes, from, end);
        return;
      case frameType.ping:
        this.#onPing(flags, id, bytes, from, end);
        return;
      case frameType.priority:
        this.#onPriority(id, bytes, from, end);
        return;
      case frameType.goaway:
        if (id !== 0) throw broken("GOAWAY of a stream");
        if (end - from < 8) throw cut("GOAWAY");
        this.#countIdle();
        return;
      case frameType.pushPromise:
        throw broken("clients do not push");
      default:
        this.#countIdle();
    }
  }

  #onData(flags: number, id: number, bytes: Buffer, from: number, end: number): void {
    if (id === 0) throw broken("DATA without a stream");
    const body = withoutPadding(flags, bytes, from, end);
    if (body === undefined) throw broken("more padding than payload");
    const size = end - from;
    this.#creditConnection(size);
    const stream = this.#target.streams.get(id);
    if (stream === undefined) {
      this.#onStray(id, "DATA");
      return;
    }
    const [start, stop] = body;
    const endsStream = (flags & flag.endStream) !== 0;
    if (stop > start) this.countData(stop - start);
    else if (!endsStream) this.#countIdle();
    const code = stream.receive(size, stop - start);
    if (code !== errorCode.noError) {
      this.#reset(stream, code);
      return;
    }
    if (stop > start) stream.deliver(bytes.subarray(start, stop));
    if (endsStream && !stream.isClosed) this.#endRemote(stream);
  }

  /**
   * The connection's window opens for whatever came: a stream that rests must not hold up the others, and what it can
   * hold itself is its own window. So nobody can overrun this one.
   */
  #creditConnection(bytes: number): void {
    this.#uncredited += bytes;
    if (2 * this.#uncredited < defaultWindow) return;
    this.#target.push(numberFrame(frameType.windowUpdate, 0, this.#uncredited));
    this.#uncredited = 0;
  }

  #endRemote(stream: Http2Stream): void {
    if (!stream.endRemote()) this.#reset(stream, errorCode.protocolError);
  }

  #onHeaders(flags: number, id: number, bytes: Buffer, from: number, end: number): void {
    if (id % 2 === 0) throw broken(`a client opens no stream ${id}`);
    const payload = withoutPadding(flags, bytes, from, end);
    if (payload === undefined) throw broken("more padding than payload");
    let [start] = payload;
    const [, stop] = payload;
    let dependsOnItself = false;
    if ((flags & flag.priority) !== 0) {
      if (stop - start < priorityBytes) throw cut("HEADERS");
      dependsOnItself = readUint31(bytes, start) === id;
      start += priorityBytes;
    }
    const endsStream = (flags & flag.endStream) !== 0;
    const part = bytes.subarray(start, stop);
    if ((flags & flag.endHeaders) !== 0) {
      this.#onBlock(id, endsStream, dependsOnItself, part);
      return;
    }
    this.#block = new HeaderBlock(id, endsStream, dependsOnItself);
    this.#block.add(part);
  }

  #onContinuation(flags: number, part: Buffer): void {
    const block = this.#block;
    if (block === undefined) throw broken("CONTINUATION of nothing");
    block.add(part);
    if ((flags & flag.endHeaders) === 0) return;
    this.#block = undefined;
    this.#onBlock(block.streamId, block.endsStream, block.dependsOnItself, block.whole());
  }

  #onBlock(id: number, endsStream: boolean, dependsOnItself: boolean, block: Buffer): void {
    const decoded = this.#decode(block);
    const stream = this.#target.streams.get(id);
    if (stream !== undefined) this.#onTrailers(stream, endsStream, dependsOnItself, decoded);
    else if (id <= this.#highestId) this.#onStray(id, "HEADERS");
    else this.#onRequest(id, endsStream, dependsOnItself, decoded);
  }

  /** Every block is decoded, also those that are of no use: the table must follow. */
  #decode(block: Buffer): DecodedBlock {
    try {
      return this.#decoder.decode(block);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      throw new ConnectionError(errorCode.compressionError, error.message);
    }
  }

  #onRequest(id: number, endsStream: boolean, dependsOnItself: boolean, decoded: DecodedBlock): void {
    this.#highestId = id;
    // It was sent before our GOAWAY was read, which says that it was not looked at.
    if (this.#target.isLeaving) {
      this.#countIdle();
      this.#closed.add(id, "reset-by-us");
      return;
    }
    this.#lastTakenId = id;
    const head = decoded.isTooLarge || dependsOnItself ? undefined : readRequestHead(decoded.fields);
    if (head === undefined || (endsStream && (head.contentLength ?? 0) > 0)) {
      this.#refuse(id, decoded.isTooLarge ? errorCode.enhanceYourCalm : errorCode.protocolError);
    } else if (this.#target.streams.size >= this.#options.maxConcurrentStreams) {
      this.#refuse(id, errorCode.refusedStream);
    } else {
      const stream = this.#target.open(id, head, endsStream);
      if (endsStream && !stream.isClosed) this.#endRemote(stream);
    }
  }

  #onTrailers(stream: Http2Stream, endsStream: boolean, dependsOnItself: boolean, decoded: DecodedBlock): void {
    if (stream.isRemoteEnded) this.#reset(stream, errorCode.streamClosed);
    else if (decoded.isTooLarge) this.#reset(stream, errorCode.enhanceYourCalm);
    else if (!endsStream || dependsOnItself || !areTrailers(decoded.fields)) {
      this.#reset(stream, errorCode.protocolError);
    } else this.#endRemote(stream);
  }

  #onPriority(id: number, bytes: Buffer, from: number, end: number): void {
    if (id === 0) throw broken("PRIORITY without a stream");
    this.#countIdle();
    if (end - from !== priorityBytes) this.#resetAny(id, errorCode.frameSizeError);
    else if (readUint31(bytes, from) === id) this.#resetAny(id, errorCode.protocolError);
  }

  #onReset(id: number, bytes: number): void {
    if (bytes !== 4) throw cut("RST_STREAM");
    this.#refuseIdle(id, "RST_STREAM");
    const stream = this.#target.streams.get(id);
    if (stream === undefined) {
      this.#countIdle();
      return;
    }
    // Who has an answer and wants no more of it has let us do what we are here for.
    if (stream.hasAnswered) this.#countIdle();
    else this.#countReset();
    stream.abandon(errorCode.cancel);
  }

  #onSettings(flags: number, id: number, bytes: Buffer, from: number, end: number): void {
    if (id !== 0) throw broken("SETTINGS of a stream");
    if ((flags & flag.ack) !== 0) {
      if (end > from) throw cut("SETTINGS");
      this.#countIdle();
      return;
    }
    const initialWindow = readSettings(bytes, from, end);
    if (initialWindow !== undefined && !this.#target.setInitialWindow(initialWindow)) {
      throw new ConnectionError(errorCode.flowControlError, "a stream's window is too large");
    }
    if (this.#isGreeted) this.#countIdle();
    this.#isGreeted = true;
    this.#target.push(settingsAck);
  }

  #onPing(flags: number, id: number, bytes: Buffer, from: number, end: number): void {
    if (id !== 0) throw broken("PING of a stream");
    if (end - from !== 8) throw cut("PING");
    this.#countIdle();
    if ((flags & flag.ack) === 0) this.#target.push(frame(frameType.ping, flag.ack, 0, bytes.subarray(from, end)));
  }

  #onWindowUpdate(id: number, bytes: Buffer, from: number, end: number): void {
    if (end - from !== 4) throw cut("WINDOW_UPDATE");
    this.#refuseIdle(id, "WINDOW_UPDATE", 0);
    this.#countIdle();
    const more = readUint31(bytes, from);
    if (id === 0) {
      if (more === 0) throw broken("WINDOW_UPDATE of nothing");
      if (!this.#target.widen(more)) {
        throw new ConnectionError(errorCode.flowControlError, "the connection's window is too large");
      }
      return;
    }
    const stream = this.#target.streams.get(id);
    if (stream === undefined) return;
    if (more === 0) this.#reset(stream, errorCode.protocolError);
    else if (!stream.widen(more)) this.#reset(stream, errorCode.flowControlError);
  }

  /** DATA or HEADERS of a stream that is not open (any more). */
  #onStray(id: number, what: string): void {
    this.#refuseIdle(id, what);
    const end = this.#closed.endOf(id);
    if (end === "ended") throw new ConnectionError(errorCode.streamClosed, `${what} behind the end of stream ${id}`);
    if (end === "reset-by-peer") this.#refuse(id, errorCode.streamClosed);
    else if (end === undefined && what === "HEADERS") throw broken(`stream ${id} is opened behind a later one`);
    // We reset it, or do not remember: it may have been on its way.
    else this.#countIdle();
  }

  /** A stream that was never opened takes no such frames. `lowest`: 0 when the connection does. */
  #refuseIdle(id: number, what: string, lowest = 1): void {
    const isIdle = id > this.#highestId || (id % 2 === 0 && id > 0);
    if (isIdle || id < lowest) throw broken(`${what} of stream ${id}, which is not open`);
  }

  #resetAny(id: number, code: number): void {
    const stream = this.#target.streams.get(id);
    if (stream !== undefined) this.#reset(stream, code);
    // Nobody may reset a stream that is idle.
    else if (id > this.#highestId || id % 2 === 0) throw new ConnectionError(code, `a broken frame of stream ${id}`);
    else this.#refuse(id, code);
  }

  #refuse(id: number, code: number): void {
    this.#countReset();
    this.#closed.add(id, "reset-by-us");
    this.#target.push(numberFrame(frameType.rstStream, id, code));
  }

  /** The peer's fault: it may cost no less than a reset of its own. */
  #reset(stream: Http2Stream, code: number): void {
    this.#countReset();
    stream.reset(code);
  }

  #countReset(): void {
    if (!this.#resets.use()) throw new ConnectionError(errorCode.enhanceYourCalm, "too many streams are reset");
  }

  #countIdle(): void {
    if (!this.#idle.use()) throw new ConnectionError(errorCode.enhanceYourCalm, "too many frames without use");
  }
}

function broken(what: string): ConnectionError {
  return new ConnectionError(errorCode.protocolError, what);
}

function cut(what: string): ConnectionError {
  return new ConnectionError(errorCode.frameSizeError, `${what} of a wrong length`);
}
