import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { grpcStatus, ServiceError } from "../../transport/errors/service-error.ts";
import { FrameReader, frameMessage } from "../../transport/grpc/frame.ts";
import { encodeMessageText } from "../../transport/grpc/message-text.ts";
import { encodeStatusDetails } from "../../transport/grpc/status-details.ts";
import { refusal } from "./refusal.ts";

/** One call of a client. */
export interface ServedCall {
  readonly request: Buffer;
  /** Values of a metadata key (lower case). */
  metadata(key: string): readonly string[];
  /** Aborted when the call is over. */
  readonly signal: AbortSignal;
  send(message: Uint8Array): void;
}

/** The call ends with OK when it resolves; with the status of the `ServiceError` it rejects with. */
export type CallHandler = (call: ServedCall) => Promise<void>;

export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

const largestRequestBytes = 1024 * 1024;
/** As an agent has them; clients queue further calls. */
const maxConcurrentStreams = 100;
const sessionMemoryMb = 64;
const headers = { [constants.HTTP2_HEADER_STATUS]: 200, [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc" };

/** gRPC over plain HTTP/2 for calls with one request message: as much as a Workload API in a test needs. */
export class GrpcServer {
  readonly #handlers: ReadonlyMap<string, CallHandler>;
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: Http2Server | undefined;

  /** By full method name, `/Service/Method`. */
  constructor(handlers: ReadonlyMap<string, CallHandler>) {
    this.#handlers = handlers;
  }

  /** Resolves with the port that was taken; 0 for a Unix socket. */
  listen(address: ListenAddress): Promise<number> {
    const server = createServer({ maxSessionMemory: sessionMemoryMb, settings: { maxConcurrentStreams } });
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("error", () => {
        // "close" follows.
      });
      session.once("close", () => this.#sessions.delete(session));
    });
    server.on("stream", (stream, received, _flags, rawHeaders) => {
      void this.#serve(stream, String(received[constants.HTTP2_HEADER_PATH]), rawHeaders);
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      const onListening = (): void => {
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : 0);
      };
      if (address.kind === "unix") server.listen(address.path, onListening);
      else server.listen(address.port, address.host, onListening);
    });
  }

  /** Breaks open connections. */
  disconnect(): void {
    for (const session of [...this.#sessions]) session.destroy(undefined, constants.NGHTTP2_CANCEL);
  }

  /** Nobody listens and no connection is open when it resolves. Idempotent. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.disconnect();
    await closed;
  }

  async #serve(stream: ServerHttp2Stream, path: string, rawHeaders: readonly string[]): Promise<void> {
    const over = new AbortController();
    stream.on("error", () => {
      // "close" follows.
    });
    stream.once("close", () => over.abort());
    try {
      const handler = this.#handlers.get(path);
      if (handler === undefined) throw refusal("unimplemented", { message: `method ${path} is not served` });
      await handler({
        request: await onlyMessage(stream),
        metadata: (key) => valuesOf(rawHeaders, key),
        signal: over.signal,
        send: (message) => send(stream, message),
      });
      end(stream, undefined);
    } catch (error) {
      end(stream, error instanceof ServiceError ? error : refusal("internal", { message: String(error) }));
    }
  }
}

async function onlyMessage(stream: ServerHttp2Stream): Promise<Buffer> {
  const reader = new FrameReader(largestRequestBytes);
  const messages: Buffer[] = [];
  for await (const chunk of stream) messages.push(...reader.push(chunk));
  const [request] = messages;
  if (request === undefined || messages.length > 1 || reader.isMidMessage) {
    throw refusal("invalidArgument", { message: "the call has not exactly one request message" });
  }
  return request;
}

function valuesOf(rawHeaders: readonly string[], key: string): readonly string[] {
  return rawHeaders.filter((_value, index) => index % 2 === 1 && rawHeaders[index - 1] === key);
}

function send(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  if (!stream.headersSent) stream.respond(headers, { waitForTrailers: true });
  stream.write(frameMessage(message));
}

function end(stream: ServerHttp2Stream, error: ServiceError | undefined): void {
  if (stream.destroyed || stream.closed) return;
  if (!stream.headersSent && error !== undefined) {
    stream.respond({ ...headers, ...trailersOf(error) }, { endStream: true });
    return;
  }
  if (!stream.headersSent) stream.respond(headers, { waitForTrailers: true });
  stream.once("wantTrailers", () => {
    if (!stream.destroyed && !stream.closed) stream.sendTrailers(trailersOf(error));
  });
  stream.end();
}

function trailersOf(error: ServiceError | undefined): Readonly<Record<string, string>> {
  if (error === undefined) return { "grpc-status": "0" };
  return {
    "grpc-status": String(grpcStatus[error.status]),
    "grpc-message": encodeMessageText(error.message),
    "grpc-status-details-bin": Buffer.from(encodeStatusDetails(error, "")).toString("base64").replace(/=+$/, ""),
  };
}
