import type { ServiceError } from "../../transport/errors/service-error.ts";
import type { AccessItem, Caller, CallerClass, GuardedMethod } from "../authorization/index.ts";
import type { RateClass } from "../rate/index.ts";
import type { AuditFields, AuditItem } from "../telemetry/index.ts";

/** A call that has been let in, as its handler sees it. */
export interface Call {
  readonly caller: Caller;
  readonly as: CallerClass;
  readonly requestId: string;
  /** Aborted when the call is over: by the caller, its deadline, the transport, or because it lost its entitlement. */
  readonly signal: AbortSignal;
  /** Asked per item of a batch: the refusal, or `undefined`. */
  refusalOf(item: AccessItem): Promise<ServiceError | undefined>;
}

export interface RateRule<Request> {
  readonly class: RateClass;
  /**
   * Whose calls are counted together: those of one address (when absent), or, for what only agents call, those of one agent, so
   * that one that hammers takes nothing from others behind its address.
   */
  readonly per?: "agent";
  /** How many calls this one counts for; 1 when absent, and then it is counted before the request is read. */
  readonly weight?: (request: Request) => number;
}

/** What an audit record says beside who, what and how it ended. Reads leave a record only when they are refused. */
export interface AuditRule<Request, Response> {
  readonly kind: "read" | "change" | "issuance";
  /** Codes with which a stream ends in the course of things: nobody was refused anything. */
  readonly usualEnds?: readonly string[];
  readonly fields?: (request: Request) => AuditFields;
  readonly result?: (response: Response) => AuditFields;
  /** Of a batch: one per item, in order. */
  readonly items?: (request: Request, response: Response) => readonly AuditItem[];
  /** SVIDs in the response, for the metrics. */
  readonly issued?: (response: Response) => { readonly kind: "x509" | "jwt" | "agent" | "ca"; readonly count: number };
}

/** The one declaration of an RPC: what may call it, how often, what is recorded, whether answers are masked. */
export interface RpcDeclaration<Request, Response> extends GuardedMethod {
  readonly rate?: RateRule<Request>;
  readonly audit: AuditRule<Request, Response>;
  /** Whose `output_mask` the wire request carries. */
  readonly mask?: "agent" | "entry" | "bundle" | "federation";
  /** Stays open: it is ended when the caller loses what entitled it. */
  readonly isStream?: true;
}

/** `Needs` is what of the server the handler uses; no transport appears in it. */
export interface UnaryRpc<Needs, Request, Response> extends RpcDeclaration<Request, Response> {
  handle(needs: Needs, request: Request, call: Call): Promise<Response>;
}

export function unaryRpc<Needs, Request, Response>(
  rpc: UnaryRpc<Needs, Request, Response>,
): UnaryRpc<Needs, Request, Response> {
  return rpc;
}
