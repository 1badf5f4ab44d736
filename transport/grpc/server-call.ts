import { errorFields, type Timer } from "../../runtime/core/index.ts";
import { commonErrors } from "../errors/common.ts";
import { grpcStatus, ServiceError } from "../errors/service-error.ts";
import { transportErrors } from "../errors/transport.ts";
import { encodeHeaderBlock, errorCode, type Http2Stream, type StreamHandler } from "../http2/index.ts";
import type { Peer } from "../peer.ts";
import type { ByteShare } from "../server/byte-budget.ts";
import type { RpcServerDeps } from "../server/options.ts";
import { FrameReader, frameMessage } from "./frame.ts";
import { MessageQueue } from "./message-queue.ts";
import { encodeMessageText } from "./message-text.ts";
import type { RegisteredMethod, WireCall } from "./router.ts";
import { encodeStatusDetails } from "./status-details.ts";
import { parseTimeout } from "./timeout.ts";
import type { RpcContext } from "./types.ts";

/** A caller that neither takes the end of an ended call nor stops sending is cut off after, milliseconds. */
const lingerMs = 1_000;

const responseFields = [":status", "200", "content-type", "application/grpc"];
const responseHeaders = encodeHeaderBlock(responseFields);
const okTrailers = encodeHeaderBlock(["grpc-status", "0"]);

/** Why nothing can be done with a call that ended well. Made once: an error per call would cost more than the call. */
const callOver = transportErrors.error("ERR_CALL_CANCELLED", "the call is over");

/** How most streams end. Made once for the same reason. */
const callerGone = transportErrors.error("ERR_CALL_CANCELLED", "the caller went away");

/** What a call needs of its connection. */
export interface CallOwner {
  readonly peer: Peer;
  readonly deps: RpcServerDeps;
  readonly receiving: ByteShare;
  readonly sending: ByteShare;
  /** The stream is closed for good; called once. */
  onCallClosed(call: ServerCall): void;
}

/** One call on the server's side of an HTTP/2 stream: framing, deadline, cancellation, status. */
export class ServerCall implements WireCall, RpcContext, StreamHandler {
  readonly method: string;
  readonly requestId: string;
  readonly #stream: Http2Stream;
  readonly #rawHeaders: readonly string[];
  readonly #owner: CallOwner;
  readonly #startedAtMs: number;
  readonly #reader: FrameReader;
  /** Of calls that take any number of messages. */
  #requests: MessageQueue<Buffer> | undefined;
  /** Of calls that take one. */
  #request: Buffer | undefined;
  #awaited: PromiseWithResolvers<Buffer> | undefined;
  /** The caller has sent all it wants to. */
  #isRequestOver = false;
  #deadlineAtMs: number | undefined;
  #deadlineTimer: Timer | undefined;
  #abort: AbortController | undefined;
  #isClosed = false;
  /** Of a stream whose handler is behind: credit that the caller does not get yet. */
  #unconsumedBytes = 0;
  /** Set once the outcome is decided; what comes later does not change it. */
  #outcome: { readonly error: ServiceError | undefined } | undefined;
  #pendingWrites = 0;
  /** Bytes of complete messages that the handler has not taken; a single one is in memory until the end of the call. */
  #queuedBytes = 0;
  /** As counted in the connection's share. */
  #heldBytes = 0;
  #answer: Buffer | undefined;
  /** Of answers, as counted in the connection's share. */
  #unreadBytes = 0;

  constructor(stream: Http2Stream, path: string, rawHeaders: readonly string[], owner: CallOwner) {
    this.method = path;
    this.#stream = stream;
    this.#rawHeaders = rawHeaders;
    this.#owner = owner;
    this.#startedAtMs = owner.deps.clock.monotonic();
    this.requestId = owner.deps.nextId();
    this.#reader = new FrameReader(owner.deps.limits.maxReceiveMessageBytes);
    stream.attach(this);
  }

  get context(): RpcContext {
    return this;
  }

  get peer(): Peer {
    return this.#owner.peer;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#outcome !== undefined) this.#abort.abort(this.#endReason());
    return this.#abort.signal;
  }

  deadlineLeftMs(): number | undefined {
    if (this.#deadlineAtMs === undefined) return undefined;
    return Math.max(0, this.#deadlineAtMs - this.#owner.deps.clock.monotonic());
  }

  metadata(key: string): readonly string[] {
    const values: string[] = [];
    for (let index = 0; index + 1 < this.#rawHeaders.length; index += 2) {
      if (this.#rawHeaders[index] === key) values.push(this.#rawHeaders[index + 1] ?? "");
    }
    return values;
  }

  /** Serves the call. Never rejects. */
  async run(method: RegisteredMethod): Promise<void> {
    try {
      this.#armDeadline();
      if (method.kind === "bidi") this.#queue();
      await method.run(this);
      // A stream may end well without a message, a unary call may not.
      const isAnswered = method.kind !== "unary" || this.#answer !== undefined;
      this.end(isAnswered ? undefined : this.#internal(new Error("the handler gave no answer")));
    } catch (error) {
      this.end(error instanceof ServiceError ? this.#noted(error) : this.#internal(error));
    }
  }

  /** Ends the call with OK or with `error`'s status. No-op when it has ended. */
  end(error: ServiceError | undefined): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = { error };
    this.#deadlineTimer?.cancel();
    this.#requests?.fail(this.#endReason());
    this.#awaited?.reject(this.#endReason());
    this.#reader.drop();
    this.#hold(0);
    this.#abort?.abort(this.#endReason());
    this.#consume();
    this.#sendStatus(error);
  }

  /** Ends the call when its request is not there in time. */
  sweep(nowMs: number): void {
    const { idleTimeoutMs } = this.#owner.deps.limits;
    if (this.#awaited === undefined || nowMs - this.#startedAtMs < idleTimeoutMs) return;
    this.end(transportErrors.error("ERR_REQUEST_STALLED", `the request did not end within ${idleTimeoutMs} ms`));
  }

  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  async request(): Promise<Buffer> {
    this.#awaited = Promise.withResolvers();
    const { promise } = this.#awaited;
    if (this.#outcome !== undefined) this.#awaited.reject(this.#endReason());
    else if (this.#isRequestOver) this.#deliver(this.#awaited);
    const message = await promise;
    // What came right behind the request may have ended the call.
    if (this.isOver) throw this.#endReason();
    return message;
  }

  requests(): AsyncIterable<Buffer> {
    return this.#queue();
  }

  send(message: Uint8Array): Promise<void> {
    if (this.#outcome !== undefined || this.#stream.isClosed) return Promise.reject(this.#endReason());
    const framed = this.#frame(message);
    this.#holdUnread(framed.length);
    if (!this.#stream.hasAnswered) this.#stream.respond(responseHeaders);
    this.#pendingWrites += 1;
    return new Promise((resolve, reject) => {
      this.#stream.write(framed, (isTaken) => {
        this.#pendingWrites -= 1;
        this.#holdUnread(-framed.length);
        if (this.#outcome !== undefined || !isTaken) reject(this.#endReason());
        else resolve();
      });
    });
  }

  answer(message: Uint8Array): void {
    if (this.#answer !== undefined) throw new Error("the handler gave a second answer");
    const framed = this.#frame(message);
    this.#holdUnread(framed.length);
    this.#answer = framed;
  }

  /** Who asks for more and more and reads nothing must not fill memory. What is left at the end goes with the stream. */
  #holdUnread(bytes: number): void {
    if (this.#isClosed) return;
    if (bytes > 0 && !this.#owner.sending.take(bytes)) {
      throw transportErrors.error("ERR_TOO_MANY_BYTES", "too many bytes of answers wait to be read by this caller");
    }
    if (bytes < 0) this.#owner.sending.give(-bytes);
    this.#unreadBytes += bytes;
  }

  #frame(message: Uint8Array): Buffer {
    const { maxSendMessageBytes } = this.#owner.deps.limits;
    if (message.byteLength > maxSendMessageBytes) {
      const text = `the answer of ${message.byteLength} bytes is larger than ${maxSendMessageBytes}: ask for it in pages (page_size)`;
      throw commonErrors.error("ERR_MESSAGE_TOO_LARGE", text);
    }
    return frameMessage(message);
  }

  #armDeadline(): void {
    const header = this.metadata("grpc-timeout")[0];
    if (header === undefined) return;
    const timeoutMs = parseTimeout(header);
    if (timeoutMs === undefined) throw commonErrors.error("ERR_MALFORMED_REQUEST", "grpc-timeout is not a timeout");
    this.#deadlineAtMs = this.#startedAtMs + timeoutMs;
    this.#deadlineTimer = this.#owner.deps.clock.setTimer(timeoutMs, () => {
      this.end(transportErrors.error("ERR_DEADLINE_EXCEEDED", "the call's deadline passed"));
    });
  }

  #queue(): MessageQueue<Buffer> {
    this.#requests ??= new MessageQueue(() => {
      // The handler has taken everything.
      this.#hold(0);
      this.#consume();
    });
    return this.#requests;
  }

  onData(chunk: Buffer): void {
    // Thrown away: who is told that the call is over may have much more on its way.
    if (this.#outcome !== undefined) {
      this.#stream.consume(chunk.length);
      return;
    }
    try {
      const messages = this.#reader.push(chunk);
      for (const message of messages) this.#queuedBytes += message.length;
      this.#hold(this.#queuedBytes);
      if (this.#requests === undefined) this.#keep(messages);
      else if (messages.length > 0) this.#requests.push(messages.map(own));
      // The messages of a stream that its handler has not taken hold it up; a single one is of no use before its end.
      if (this.#requests === undefined || messages.length === 0) this.#stream.consume(chunk.length);
      else this.#unconsumedBytes += chunk.length;
    } catch (error) {
      this.end(error instanceof ServiceError ? error : this.#internal(error));
    }
  }

  onEnd(): void {
    this.#isRequestOver = true;
    this.#requests?.end(this.#cut());
    if (this.#awaited !== undefined) this.#deliver(this.#awaited);
  }

  #keep([first, second]: readonly Buffer[]): void {
    if (first === undefined) return;
    if (second !== undefined || this.#request !== undefined) {
      throw commonErrors.error("ERR_MALFORMED_REQUEST", "more than one request message");
    }
    this.#request = own(first);
  }

  #consume(): void {
    this.#stream.consume(this.#unconsumedBytes);
    this.#unconsumedBytes = 0;
  }

  #deliver(awaited: PromiseWithResolvers<Buffer>): void {
    const cut = this.#cut();
    if (cut !== undefined) awaited.reject(cut);
    else if (this.#request !== undefined) awaited.resolve(this.#request);
    else awaited.reject(commonErrors.error("ERR_MALFORMED_REQUEST", "no request message"));
    this.#awaited = undefined;
  }

  #cut(): ServiceError | undefined {
    if (!this.#reader.isMidMessage) return undefined;
    return commonErrors.error("ERR_MALFORMED_REQUEST", "the request ends inside a message");
  }

  /** `queuedBytes` and what the unfinished message takes are counted from now on. */
  #hold(queuedBytes: number): void {
    this.#queuedBytes = queuedBytes;
    const held = queuedBytes + this.#reader.heldBytes;
    const more = held - this.#heldBytes;
    if (more > 0 && !this.#owner.receiving.take(more)) {
      throw transportErrors.error("ERR_TOO_MANY_BYTES", "too many bytes of requests are on their way");
    }
    if (more < 0) this.#owner.receiving.give(-more);
    this.#heldBytes = held;
  }

  #sendStatus(error: ServiceError | undefined): void {
    const stream = this.#stream;
    if (stream.isClosed) return;
    if (error === undefined) {
      if (this.#answer !== undefined) stream.answer(responseHeaders, this.#answer, okTrailers);
      else {
        if (!stream.hasAnswered) stream.respond(responseHeaders);
        stream.end(okTrailers);
      }
    } else {
      const trailers = statusFields(error, this.requestId);
      stream.end(encodeHeaderBlock(stream.hasAnswered ? trailers : [...responseFields, ...trailers]));
    }
    if (this.#pendingWrites > 0) this.#closeLater(errorCode.cancel);
    else this.#stopReading();
  }

  /**
   * The answer is complete: whatever the caller still sends is thrown away, and after a moment cut off. Not at once:
   * a reset would overtake the status that is still on its way out.
   */
  #stopReading(): void {
    if (!this.#stream.isRemoteEnded) this.#closeLater(errorCode.noError);
  }

  #closeLater(code: number): void {
    if (this.#stream.isClosed) return;
    this.#owner.deps.clock.setTimer(lingerMs, () => this.#stream.reset(code));
  }

  onClosed(): void {
    if (this.#outcome === undefined) this.end(callerGone);
    this.#isClosed = true;
    this.#owner.sending.give(this.#unreadBytes);
    const { metrics, name, clock, router } = this.#owner.deps;
    const method = router.method(this.method);
    const label = method === undefined ? "unknown" : this.method;
    metrics.handled.add(1, name, label, this.#outcome?.error?.status ?? "ok");
    if (method?.kind === "unary") metrics.duration.observe((clock.monotonic() - this.#startedAtMs) / 1_000, label);
    this.#owner.onCallClosed(this);
  }

  #endReason(): ServiceError {
    return this.#outcome?.error ?? callOver;
  }

  /** An error nobody declared: the caller gets a code and the id under which the log has the cause. */
  #internal(cause: unknown): ServiceError {
    const error = commonErrors.error("ERR_INTERNAL", "internal error", { cause });
    this.#log("error", error);
    return error;
  }

  #noted(error: ServiceError): ServiceError {
    if (error.status === "internal") this.#log("error", error);
    else if (error.cause !== undefined) this.#log("debug", error);
    return error;
  }

  #log(level: "error" | "debug", error: ServiceError): void {
    const fields = { request_id: this.requestId, method: this.method, ...errorFields(error) };
    this.#owner.deps.logger[level](fields, "call failed");
  }
}

function statusFields(error: ServiceError, requestId: string): readonly string[] {
  const details = Buffer.from(encodeStatusDetails(error, requestId)).toString("base64").replace(/=+$/, "");
  return [
    "grpc-status",
    String(grpcStatus[error.status]),
    "grpc-message",
    encodeMessageText(error.message),
    "grpc-status-details-bin",
    details,
  ];
}

const smallBytes = 4_096;

/** A chunk may be much larger than the message in it, which would hold on to all of it. */
function own(message: Buffer): Buffer {
  return message.buffer.byteLength <= 2 * message.length + smallBytes ? message : Buffer.from(message);
}

/** Why a stream is no gRPC call that could be answered as one; the HTTP status to give. */
export function notGrpc(httpMethod: string, fields: readonly string[]): number | undefined {
  if (httpMethod !== "POST") return 405;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if (fields[index] === "content-type")
      return /^application\/grpc(\+proto)?($|;)/.test(fields[index + 1] ?? "") ? undefined : 415;
  }
  return 415;
}
