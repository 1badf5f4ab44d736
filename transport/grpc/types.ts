/**
 * The gRPC harness as server and agent see it: plain async functions, no grpc-js types. The harness does framing,
 * limits, deadlines, status mapping (ServiceError → status, google.rpc.Status details) and metrics hooks.
 */
import type { Peer } from "../peer.ts";

export interface RpcContext {
  /** Full method, e.g. `/spire.api.server.entry.v1.Entry/ListEntries`. */
  readonly method: string;
  readonly peer: Peer;
  /** Unique per call; in logs and in ErrorInfo metadata (`request_id`). */
  readonly requestId: string;
  /** Aborted when the call is over: cancelled, deadline passed, connection lost, or ended by the server. */
  readonly signal: AbortSignal;
  /** Milliseconds left until the caller's deadline; `undefined` without one. */
  readonly deadlineLeftMs: () => number | undefined;
  /** Values of a request metadata key (lower case). */
  metadata(key: string): readonly string[];
}

/** A response may be given as bytes that are encoded already (fan-out encodes once). */
export type UnaryHandler<Request, Response> = (request: Request, context: RpcContext) => Promise<Response | Uint8Array>;

export interface ResponseSink<Response> {
  /**
   * Queues one message. Resolves when the transport wants more; a caller that awaits it holds at most one message per
   * slow reader. Rejects when the call is over.
   */
  send(message: Response | Uint8Array): Promise<void>;
}

/** The stream ends with OK when the promise resolves, with the error's status when it rejects. */
export type ServerStreamHandler<Request, Response> = (
  request: Request,
  context: RpcContext,
  sink: ResponseSink<Response>,
) => Promise<void>;

export type BidiHandler<Request, Response> = (
  requests: AsyncIterable<Request>,
  context: RpcContext,
  sink: ResponseSink<Response>,
) => Promise<void>;

/** Wraps every call of a listener before its request is decoded: authorisation, required headers. Calls `next` or throws. */
export type Interceptor = (call: InterceptedCall, next: () => Promise<void>) => Promise<void>;

export interface InterceptedCall {
  readonly context: RpcContext;
  readonly kind: "unary" | "server-stream" | "bidi";
}

/** Limits of one listener; every number is in docs/limits.md. */
export interface ListenerLimits {
  readonly maxConcurrentStreams: number;
  readonly maxMetadataBytes: number;
  readonly maxReceiveMessageBytes: number;
  /** Memory for requests that are not answered yet: of all connections, and of one peer. */
  readonly maxReceivingBytes: number;
  readonly maxReceivingBytesPerPeer: number;
  readonly maxSendMessageBytes: number;
  /** Memory for answers that one peer has not read yet, over all its connections. */
  readonly maxUnreadBytesPerPeer: number;
  /** TLS handshake and HTTP/2 preface, milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** A connection without streams is closed after, and a call whose request does not end; milliseconds. */
  readonly idleTimeoutMs: number;
  /** Connections accepted whose handshake is not finished. */
  readonly maxHalfOpen: number;
  /** Per remote address (TCP) or per uid (Unix). */
  readonly maxConnectionsPerPeer: number;
  readonly maxConnections: number;
}
