/**
 * What sources, the Workload API's client and connections throw by themselves. Besides there are `UsageError` (mistakes
 * in the program), `SpiffeError` (values that are none, SVIDs that do not verify), and errors of connections with the
 * codes ERR_CONNECT_FAILED, ERR_PEER_NOT_VERIFIED, ERR_REFUSED_BY_PEER, ERR_CONNECTION_LOST. Each has a `code` and a
 * `fix`: switch on the code, not on the class (two copies of a package have two classes).
 */
export type WorkloadErrorCode =
  | "ERR_WORKLOAD_ENDPOINT"
  | "ERR_WORKLOAD_API_DENIED"
  | "ERR_WORKLOAD_API_INVALID"
  | "ERR_WORKLOAD_API_UNAVAILABLE"
  | "ERR_WORKLOAD_API_UNIMPLEMENTED"
  | "ERR_WORKLOAD_API_MALFORMED"
  | "ERR_SOURCE_TIMEOUT"
  | "ERR_SOURCE_CLOSED"
  | "ERR_SOURCE_EXPIRED"
  | "ERR_PEER_UNAUTHORIZED"
  | "ERR_TLS_OPTIONS_TRUST_DOMAIN"
  | "ERR_PLAIN_HTTP"
  | "ERR_BEARER_MISSING";

/** Code → meaning and fix, for docs/errors.md. */
export const workloadErrorSpecs: Readonly<
  Record<WorkloadErrorCode, { readonly meaning: string; readonly fix: string }>
> = {
  ERR_WORKLOAD_ENDPOINT: {
    meaning: "No Workload API address was given, or it is not a legal one.",
    fix: "set SPIFFE_ENDPOINT_SOCKET to unix:///absolute/path or tcp://ip:port, or pass `endpoint`",
  },
  ERR_WORKLOAD_API_DENIED: {
    meaning: "The Workload API has no identity for this process; `reason` says why when the agent explains.",
    fix: "ask an operator for an entry whose selectors this process has",
  },
  ERR_WORKLOAD_API_INVALID: {
    meaning: "The Workload API refused the request itself; trying again will not help.",
    fix: "correct the argument that the message names",
  },
  ERR_WORKLOAD_API_UNAVAILABLE: {
    meaning: "Nobody serves the Workload API at that address, or it is starting or overloaded.",
    fix: "check that the agent runs and that this process may open the socket; sources reconnect by themselves",
  },
  ERR_WORKLOAD_API_UNIMPLEMENTED: {
    meaning: "This Workload API does not serve that method.",
    fix: "use an agent that does",
  },
  ERR_WORKLOAD_API_MALFORMED: {
    meaning: "The Workload API sent something that is not a legal answer; it was discarded.",
    fix: "report it to the maker of the agent",
  },
  ERR_SOURCE_TIMEOUT: {
    meaning: "The first update did not come in time; the cause says what was missing.",
    fix: "see the cause; raise `timeoutMs` when the entry is created late",
  },
  ERR_SOURCE_CLOSED: {
    meaning: "The source was closed.",
    fix: "open a new one",
  },
  ERR_SOURCE_EXPIRED: {
    meaning: "The last SVID expired and no new one came: the source fails closed.",
    fix: "look at `source.health` for why no update came",
  },
  ERR_PEER_UNAUTHORIZED: {
    meaning: "The peer proved an identity that `authorize` did not accept.",
    fix: "compare the id in the message with the authoriser",
  },
  ERR_TLS_OPTIONS_TRUST_DOMAIN: {
    meaning:
      "Options that are bound to one trust domain are asked to accept members of another, or there is no bundle for theirs.",
    fix: "give `trustDomain` the domain of the server, an authoriser of that domain, and federate with it when it is not ours",
  },
  ERR_PLAIN_HTTP: {
    meaning: "The request, or a redirection that answered it, goes to an address without TLS; it was not sent.",
    fix: "use an https address; a bearer token may go over plain http to a loopback address only",
  },
  ERR_BEARER_MISSING: {
    meaning: "A request has no Authorization header with a bearer token.",
    fix: "send `Authorization: Bearer <JWT-SVID>`; `withJwtSvid` does",
  },
};

/** What is known beside code and message. */
export interface WorkloadErrorOptions {
  /** The error underneath. */
  readonly cause?: unknown;
  /** gRPC status number of the Workload API's answer. */
  readonly grpcStatus?: number;
  /** ErrorInfo reason of the Workload API's answer, when it gave one: why exactly. */
  readonly reason?: string;
  /** What to do about it, where more is known than the code says. */
  readonly fix?: string;
}

/**
 * A refusal of the Workload API, or of a source, a connection or a request. `message` never holds key material or
 * tokens.
 *
 * `grpcStatus` is set when the error is an answer of the Workload API.
 */
export class WorkloadError extends Error {
  /** Always `WorkloadError`. */
  override readonly name = "WorkloadError";
  /** What happened; stable, so switch on it and not on the message. */
  readonly code: WorkloadErrorCode;
  /** gRPC status number of the Workload API's answer. */
  readonly grpcStatus: number | undefined;
  /** ErrorInfo reason of the Workload API's answer, or the code of the authoriser that refused. */
  readonly reason: string | undefined;
  /** What to do about it: what the agent said, else what there is to say about the code. Never empty. */
  readonly fix: string;

  /** `message` and `options` must hold no key material and no token. */
  constructor(code: WorkloadErrorCode, message: string, options: WorkloadErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.grpcStatus = options.grpcStatus;
    this.reason = options.reason;
    this.fix = options.fix || workloadErrorSpecs[code].fix;
  }
}
