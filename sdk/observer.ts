import { callHook } from "./call-hook.ts";

/**
 * What the SDK does, for logs, metrics and traces: `observer` of each source hears of it, the connections that are made
 * with the source included. Names and fields are stable; more may come. No event holds key material or a token.
 */
export type WorkloadEvent =
  | SvidUpdatedEvent
  | SourceStateEvent
  | JwtFetchedEvent
  | JwtFailedEvent
  | ConnectionAcceptedEvent
  | ConnectionRefusedEvent
  | ConnectionClosingEvent;

/** Hears each event as it happens. What it throws changes nothing, and becomes a process warning, once. */
export type Observer = (event: WorkloadEvent) => void;

/** An `X509Source` has a new SVID. */
export interface SvidUpdatedEvent {
  /** Which event it is. */
  readonly name: "svid.updated";
  /** Its SPIFFE ID. */
  readonly id: string;
  /** Of its leaf, decimal. */
  readonly serialNumber: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** A source is served again, or is not any more; or the reason has changed. */
export interface SourceStateEvent {
  /** Which event it is. */
  readonly name: "source.state";
  /** What it is a source of. */
  readonly source: "identity" | "X.509 bundle" | "JWT bundle";
  /** As `health.isConnected` of the source. */
  readonly isConnected: boolean;
  /** Why not, or what is wrong with what came. */
  readonly error: Error | undefined;
}

/** A `JwtSource` got a token from the Workload API. */
export interface JwtFetchedEvent {
  /** Which event it is. */
  readonly name: "jwt.fetched";
  /** The token's subject, a SPIFFE ID. */
  readonly id: string;
  /** Whom the token is for. */
  readonly audience: readonly string[];
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** How long the Workload API took, milliseconds. */
  readonly durationMs: number;
}

/** A `JwtSource` asked for a token and got none. */
export interface JwtFailedEvent {
  /** Which event it is. */
  readonly name: "jwt.failed";
  /** Whom the token is for. */
  readonly audience: readonly string[];
  /** What went wrong; it has a `code` when it is ours. */
  readonly error: unknown;
  /** How long the Workload API took, milliseconds. */
  readonly durationMs: number;
}

/** A connection whose peer was verified and authorised. */
export interface ConnectionAcceptedEvent {
  /** Which event it is. */
  readonly name: "connection.accepted";
  /** Which side of it we are. */
  readonly side: "server" | "client";
  /** SPIFFE ID of the peer. */
  readonly peer: string;
  /** Of a client its address, of a server host and port as they were asked for. */
  readonly address: string;
  /** TCP and TLS together; a server does not know. */
  readonly durationMs: number | undefined;
}

/** A connection that did not come about. */
export interface ConnectionRefusedEvent {
  /** Which event it is. */
  readonly name: "connection.refused";
  /** Which side of the connection we are. */
  readonly side: "server" | "client";
  /** Of a client its address, of a server host and port as they were asked for. */
  readonly address: string;
  /** As a server: `reason` of `onRefused`; as a client: the code of the error. */
  readonly reason: string;
  /** What went wrong; it has a `code` when it is ours. */
  readonly error: unknown;
  /** Milliseconds until then; a server does not know. */
  readonly durationMs: number | undefined;
}

/** An established connection is closed by `closeWhen`. */
export interface ConnectionClosingEvent {
  /** Which event it is. */
  readonly name: "connection.closing";
  /** Which side of the connection we are. */
  readonly side: "server" | "client";
  /** SPIFFE ID of the peer. */
  readonly peer: string;
  /** Which of the reasons in `closeWhen`. */
  readonly reason: "peer-expired" | "own-expired" | "distrusted";
}

export function tell(observer: Observer | undefined, event: WorkloadEvent): void {
  callHook("observer", observer, event);
}
