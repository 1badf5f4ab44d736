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
  readonly name: "svid.updated";
  /** Its SPIFFE ID. */
  readonly id: string;
  readonly serialNumber: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** A source is served again, or is not any more; or the reason has changed. */
export interface SourceStateEvent {
  readonly name: "source.state";
  /** What it is a source of. */
  readonly source: "identity" | "X.509 bundle" | "JWT bundle";
  readonly isConnected: boolean;
  /** Why not, or what is wrong with what came. */
  readonly error: Error | undefined;
}

/** A `JwtSource` got a token from the Workload API. */
export interface JwtFetchedEvent {
  readonly name: "jwt.fetched";
  readonly id: string;
  readonly audience: readonly string[];
  /** Seconds since 1970. */
  readonly expiresAt: number;
  readonly durationMs: number;
}

/** A `JwtSource` asked for a token and got none. */
export interface JwtFailedEvent {
  readonly name: "jwt.failed";
  readonly audience: readonly string[];
  readonly error: unknown;
  readonly durationMs: number;
}

/** A connection whose peer was verified and authorised. */
export interface ConnectionAcceptedEvent {
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
  readonly name: "connection.refused";
  readonly side: "server" | "client";
  readonly address: string;
  /** As a server: `reason` of `onRefused`; as a client: the code of the error. */
  readonly reason: string;
  readonly error: unknown;
  readonly durationMs: number | undefined;
}

/** An established connection is closed by `closeWhen`. */
export interface ConnectionClosingEvent {
  readonly name: "connection.closing";
  readonly side: "server" | "client";
  readonly peer: string;
  readonly reason: "peer-expired" | "own-expired" | "distrusted";
}

export function tell(observer: Observer | undefined, event: WorkloadEvent): void {
  callHook("observer", observer, event);
}
