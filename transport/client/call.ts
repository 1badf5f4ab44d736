import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import type { Clock, Timer } from "../../runtime/core/index.ts";
import { ServiceError } from "../errors/service-error.ts";
import { transportErrors } from "../errors/transport.ts";
import { FrameReader, frameMessage } from "../grpc/frame.ts";
import { MessageQueue } from "../grpc/message-queue.ts";
import { formatTimeout } from "../grpc/timeout.ts";
import { transportLimits } from "../limits.ts";
import { errorOfHttpStatus, errorOfReset, errorOfTrailers } from "./remote-error.ts";

export interface CallOptions {
  /** The call is cancelled when it aborts, and rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Connecting included. Also told to the server. */
  readonly timeoutMs?: number;
  /** Request metadata; lower-case keys. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface CallTarget {
  readonly path: string;
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly maxReceiveMessageBytes: number;
  readonly clock: Clock;
}

/** A live HTTP/2 session, and whether its connection broke. */
export interface ClientConnection {
  readonly session: ClientHttp2Session;
  readonly lostBy: () => unknown;
}

/** One call on the client's side: it may be used (and cancelled) before there is a connection to send it on. */
export class ClientCall {
  readonly #target: CallTarget;
  readonly #options: CallOptions;
  readonly #reader: FrameReader;
  readonly #messages: MessageQueue<Buffer>;
  readonly #unsent: Buffer[] = [];
  readonly #startedAtMs: number;
  readonly #deadline: Timer | undefined;
  readonly #onAbort = (): void => this.cancel(this.#options.signal?.reason);
  #stream: ClientHttp2Stream | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  #isEnded = false;
  #outcome: { readonly error: unknown } | undefined;
  #wasRefused = false;

  constructor(target: CallTarget, options: CallOptions) {
    this.#target = target;
    this.#options = options;
    this.#reader = new FrameReader(target.maxReceiveMessageBytes);
    this.#messages = new MessageQueue(
      () => this.#stream?.resume(),
      () => this.cancel(transportErrors.error("ERR_CALL_CANCELLED", "the answers are not read any more")),
    );
    this.#startedAtMs = target.clock.monotonic();
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined) {
      this.#deadline = target.clock.setTimer(timeoutMs, () => {
        this.cancel(transportErrors.error("ERR_DEADLINE_EXCEEDED", `no answer within ${timeoutMs} ms`));
      });
    }
    if (signal?.aborted) this.cancel(signal.reason);
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The answers; the iteration throws the call's error after the last one. Stopping early cancels the call. */
  get messages(): AsyncIterable<Buffer> {
    return this.#messages;
  }

  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  /** The server did not look at the call (it was going away): it may be made again without harm. */
  get wasRefused(): boolean {
    return this.#wasRefused;
  }

  /** Sends the call on `connection`. */
  start(connection: ClientConnection): void {
    if (this.isOver) return;
    const stream = connection.session.request(this.#headers(), { endStream: false });
    this.#stream = stream;
    stream.on("response", (headers) => this.#onResponse(headers));
    stream.on("trailers", (trailers) => {
      this.#trailers = trailers;
    });
    stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    // Trailers may overtake messages that wait to be read: the status counts when those are through.
    stream.once("end", () => this.#onEnd());
    stream.on("error", () => {
      // "close" follows and knows the reset code.
    });
    stream.once("close", () => this.#onClose(stream, connection));
    for (const message of this.#unsent.splice(0)) stream.write(message);
    if (this.#isEnded) stream.end();
  }

  /** Throws `ERR_SEND_QUEUE_FULL` and gives the call up when the other side does not read. */
  send(message: Uint8Array): void {
    if (this.isOver || this.#isEnded) return;
    const framed = frameMessage(message);
    if (this.#stream === undefined) this.#unsent.push(framed);
    else this.#stream.write(framed);
    const queued = this.#stream?.writableLength ?? this.#unsent.reduce((sum, unsent) => sum + unsent.length, 0);
    if (queued <= transportLimits.sendQueueBytes) return;
    const error = transportErrors.error("ERR_SEND_QUEUE_FULL", `${queued} bytes wait to be read by the other side`);
    this.cancel(error);
    throw error;
  }

  /** Nothing more will be sent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#stream?.end();
  }

  /** Gives the call up: its answers end with `error`. */
  cancel(error: unknown): void {
    if (this.isOver) return;
    this.#messages.fail(error);
    this.#finish(error);
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  #headers(): Record<string, string> {
    const { path, scheme, authority, clock } = this.#target;
    const { timeoutMs, metadata } = this.#options;
    const leftMs = timeoutMs === undefined ? undefined : timeoutMs - (clock.monotonic() - this.#startedAtMs);
    return {
      ...metadata,
      ":method": "POST",
      ":scheme": scheme,
      ":authority": authority,
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "countersign",
      ...(leftMs === undefined ? {} : { "grpc-timeout": formatTimeout(leftMs) }),
    };
  }

  #onResponse(headers: IncomingHttpHeaders & { readonly ":status"?: number | undefined }): void {
    if (headers[":status"] !== 200) this.#giveUp(errorOfHttpStatus(headers[":status"] ?? 0));
    else if (!headers["content-type"]?.startsWith("application/grpc")) {
      this.#giveUp(transportErrors.error("ERR_CALL_PROTOCOL", "the answer is not gRPC"));
    } else if (headers["grpc-status"] !== undefined) this.#finish(errorOfTrailers(headers));
  }

  #onData(chunk: Buffer): void {
    const stream = this.#stream;
    stream?.pause();
    if (this.isOver) {
      stream?.resume();
      return;
    }
    try {
      const messages = this.#reader.push(chunk);
      if (messages.length === 0) stream?.resume();
      this.#messages.push(messages);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #onEnd(): void {
    if (this.#trailers !== undefined) this.#finish(errorOfTrailers(this.#trailers));
  }

  #giveUp(error: unknown): void {
    this.#finish(error);
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  #onClose(stream: ClientHttp2Stream, connection: ClientConnection): void {
    if (this.isOver) return;
    const code = stream.rstCode;
    const lostBy = connection.lostBy();
    this.#wasRefused = code === constants.NGHTTP2_REFUSED_STREAM && lostBy === undefined;
    if (lostBy !== undefined) this.#finish(connectionLost(lostBy));
    else if (code === constants.NGHTTP2_NO_ERROR) {
      this.#finish(transportErrors.error("ERR_CALL_PROTOCOL", "the answer ended without a status"));
    } else this.#finish(errorOfReset(code));
  }

  #finish(error: unknown): void {
    if (this.isOver) return;
    this.#outcome = { error };
    this.#deadline?.cancel();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    const isCut = error === undefined && this.#reader.isMidMessage;
    this.#messages.end(isCut ? transportErrors.error("ERR_CALL_PROTOCOL", "the answer ends inside a message") : error);
    // Trailers end the call for us, even when we have not ended our side.
    if (this.#stream !== undefined && !this.#isEnded) this.#stream.end();
    this.#stream?.resume();
  }
}

export function connectionLost(cause: unknown): ServiceError {
  if (cause instanceof ServiceError) return cause;
  const text = cause instanceof Error ? `the connection broke: ${cause.message}` : "the connection was closed";
  return transportErrors.error("ERR_CONNECTION_LOST", text, { cause });
}
