import { type Duplex, duplexPair } from "node:stream";
import { frame, frameType, preface } from "../../transport/http2/frames.ts";
import {
  encodeHeaderBlock,
  Http2ServerSession,
  type Http2Stream,
  type RequestHead,
  type StreamHandler,
} from "../../transport/http2/index.ts";

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export const requestFields = [":method", "POST", ":scheme", "http", ":path", "/a/b", "te", "trailers"] as const;
export const requestBlock = encodeHeaderBlock(requestFields);
export const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** `INITIAL_WINDOW_SIZE` and the like, as SETTINGS have them. */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = Buffer.alloc(6 * pairs.length);
  for (const [index, [id, value]] of pairs.entries()) {
    bytes.writeUInt16BE(id, 6 * index);
    bytes.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(frameType.settings, 0, 0, bytes);
}

export const greeting = Buffer.concat([preface, settings()]);

/** The other end of a connection, which says frames as it likes and keeps those that it hears. */
export class Http2Peer {
  readonly frames: SeenFrame[] = [];
  readonly socket: Duplex;
  isClosed = false;
  #received = Buffer.alloc(0);
  #wake: (() => void)[] = [];

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    for (const event of ["end", "close", "error"]) {
      socket.on(event, () => {
        this.isClosed = true;
        this.#wakeAll();
      });
    }
  }

  say(...bytes: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  ofType(type: number, id?: number): readonly SeenFrame[] {
    return this.frames.filter((seen) => seen.type === type && (id === undefined || seen.id === id));
  }

  /** Bytes of DATA on a stream. */
  dataBytes(id: number): number {
    return this.ofType(frameType.data, id).reduce((sum, { payload }) => sum + payload.length, 0);
  }

  /** Resolves when `condition` holds; rejects when the connection ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.isClosed) throw new Error(`closed after ${JSON.stringify(this.frames.slice(-3))}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Resolves when everything that was said is read, and everything that is to be said to it is here. */
  async settled(): Promise<void> {
    const before = this.ofType(frameType.ping).length;
    this.say(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
    await this.until(() => this.ofType(frameType.ping).length > before);
    // Data may come a turn later than the answer to PING.
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The code of the GOAWAY before the end of the connection. */
  async goodbye(): Promise<number | undefined> {
    await this.until(() => this.isClosed);
    return this.ofType(frameType.goaway).at(-1)?.payload.readUInt32BE(4);
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 9 && this.#received.length >= 9 + this.#received.readUIntBE(0, 3)) {
      const end = 9 + this.#received.readUIntBE(0, 3);
      const [type = 0, flags = 0] = this.#received.subarray(3, 5);
      this.frames.push({
        type,
        flags,
        id: this.#received.readUInt32BE(5),
        payload: this.#received.subarray(9, end),
      });
      this.#received = this.#received.subarray(end);
    }
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** A request as the server's side hears it. */
export class HeardRequest implements StreamHandler {
  readonly stream: Http2Stream;
  readonly head: RequestHead;
  readonly chunks: Buffer[] = [];
  isOver = false;
  closedWith: number | undefined;
  readonly #onEnd: (request: HeardRequest) => void;

  constructor(stream: Http2Stream, head: RequestHead, onEnd: (request: HeardRequest) => void) {
    this.stream = stream;
    this.head = head;
    this.#onEnd = onEnd;
    stream.attach(this);
  }

  onData(chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  onEnd(): void {
    this.isOver = true;
    this.#onEnd(this);
  }

  onClosed(code: number): void {
    this.closedWith = code;
  }
}

export interface Http2World {
  readonly session: Http2ServerSession;
  readonly peer: Http2Peer;
  readonly requests: HeardRequest[];
  readonly faults: unknown[];
  /** The session's end of the pipe. */
  readonly near: Duplex;
  /** `now`: milliseconds of the session's clock. */
  readonly state: { now: number; isGone: boolean };
}

export interface Http2WorldOptions {
  readonly onEnd?: (request: HeardRequest) => void;
  readonly isGreeting?: boolean;
  readonly maxConcurrentStreams?: number;
}

/** A session and a peer on two ends of a pipe. The peer has greeted already. */
export function http2World(options: Http2WorldOptions = {}): Http2World {
  const [near, far] = duplexPair();
  const state = { now: 0, isGone: false };
  const requests: HeardRequest[] = [];
  const faults: unknown[] = [];
  const session = new Http2ServerSession(
    near,
    { maxConcurrentStreams: options.maxConcurrentStreams ?? 10, maxHeaderListBytes: 4_096, now: () => state.now },
    {
      onStream: (stream, head) => requests.push(new HeardRequest(stream, head, options.onEnd ?? (() => {}))),
      onBroken: () => {},
      onFault: (error) => faults.push(error),
      onClosed: () => {
        state.isGone = true;
      },
    },
  );
  const world: Http2World = { session, near, peer: new Http2Peer(far), requests, faults, state };
  if (options.isGreeting !== false) world.peer.say(greeting);
  return world;
}

export const answerHeaders = encodeHeaderBlock([":status", "200"]);
export const answerTrailers = encodeHeaderBlock(["grpc-status", "0"]);

export function answerWith(bytes: number): (request: HeardRequest) => void {
  return ({ stream }) => stream.answer(answerHeaders, Buffer.alloc(bytes, 0x61), answerTrailers);
}
