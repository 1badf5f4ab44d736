import type { Clock } from "../../runtime/core/index.ts";
import { commonErrors } from "../../transport/errors/common.ts";
import { ServiceError } from "../../transport/errors/service-error.ts";
import {
  type AccessItem,
  type Authorizer,
  type Caller,
  type Decision,
  type OpenCalls,
  rateAddress,
  rateAgent,
} from "../authorization/index.ts";
import type { RateLimiter } from "../rate/index.ts";
import type { AuditLog, ServerMetrics } from "../telemetry/index.ts";
import type { Call, RpcDeclaration } from "./rpc.ts";

export interface GateDeps {
  readonly authorizer: Authorizer;
  readonly limiter: RateLimiter;
  readonly openCalls: OpenCalls;
  readonly audit: AuditLog;
  readonly metrics: ServerMetrics;
  readonly clock: Clock;
}

export interface CallContext {
  readonly requestId: string;
  readonly signal: AbortSignal;
}

type Allowed = Extract<Decision, { readonly allow: true }>;

/** One for all: nobody sees it, and a stack trace costs 60 µs. */
const callOver = commonErrors.error("ERR_SHUTTING_DOWN", "the call is over");

/**
 * The one way into a service, whatever carries the call: who is it, may it, how often, and what is recorded. Nothing of a
 * request is looked at before its caller is let in.
 */
export class Gate {
  readonly #deps: GateDeps;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  /** Refuses who may not call at all, while nothing of the request is decoded yet. `run` asks again. */
  async admit(rpc: RpcDeclaration<never, never>, caller: Caller, context: CallContext): Promise<void> {
    const startedMs = this.#deps.clock.monotonic();
    try {
      const decision = await this.#deps.authorizer.check(caller, rpc, undefined);
      if (!decision.allow) throw decision.refusal;
    } catch (error) {
      this.#failed(rpc, caller, context, { as: "", request: undefined }, error, startedMs);
      throw error;
    }
  }

  /** `read` gives the domain request (it may throw for a malformed one); `body` carries the call out. */
  async run<Request, Response>(
    rpc: RpcDeclaration<Request, Response>,
    caller: Caller,
    context: CallContext,
    read: (call: Call) => Request | Promise<Request>,
    body: (request: Request, call: Call) => Promise<Response>,
  ): Promise<Response> {
    const startedMs = this.#deps.clock.monotonic();
    const trace: Trace<Request> = { as: "", request: undefined };
    try {
      const decision = await this.#deps.authorizer.check(caller, rpc, undefined);
      if (!decision.allow) throw decision.refusal;
      trace.as = decision.as;
      const response =
        rpc.isStream === true
          ? await this.#stream(rpc, caller, context, decision, trace, read, body)
          : await this.#carryOut(rpc, this.#call(rpc, caller, context, decision), trace, read, body);
      this.#succeeded(rpc, caller, context, trace, response, startedMs);
      return response;
    } catch (error) {
      this.#failed(rpc, caller, context, trace, error, startedMs);
      throw error;
    }
  }

  async #carryOut<Request, Response>(
    rpc: RpcDeclaration<Request, Response>,
    call: Call,
    trace: Trace<Request>,
    read: (call: Call) => Request | Promise<Request>,
    body: (request: Request, call: Call) => Promise<Response>,
  ): Promise<Response> {
    if (rpc.rate !== undefined && rpc.rate.weight === undefined) await this.#limit(rpc, call, 1);
    const request = await read(call);
    trace.request = { value: request };
    if (rpc.rate?.weight !== undefined) await this.#limit(rpc, call, rpc.rate.weight(request));
    return body(request, call);
  }

  /** A stream ends when its caller loses what entitled it, even while its body waits for something else. */
  async #stream<Request, Response>(
    rpc: RpcDeclaration<Request, Response>,
    caller: Caller,
    context: CallContext,
    decision: Allowed,
    trace: Trace<Request>,
    read: (call: Call) => Request | Promise<Request>,
    body: (request: Request, call: Call) => Promise<Response>,
  ): Promise<Response> {
    const over = new AbortController();
    const release =
      caller.kind === "svid"
        ? this.#deps.openCalls.add(caller, decision.as === "agent", (error) => over.abort(error))
        : undefined;
    const signal = AbortSignal.any([context.signal, over.signal]);
    const call = this.#call(rpc, caller, { requestId: context.requestId, signal }, decision);
    const ended = new Promise<never>((_resolve, reject) => {
      over.signal.addEventListener("abort", () => reject(over.signal.reason), { once: true });
    });
    try {
      return await Promise.race([this.#carryOut(rpc, call, trace, read, body), ended]);
    } finally {
      release?.();
      over.abort(callOver);
      await ended.catch(() => {});
    }
  }

  #call(rpc: RpcDeclaration<never, never>, caller: Caller, context: CallContext, decision: Allowed): Call {
    const { authorizer } = this.#deps;
    return {
      caller,
      as: decision.as,
      requestId: context.requestId,
      // Made when somebody asks for it, which most calls never do.
      get signal() {
        return context.signal;
      },
      refusalOf: async (item: AccessItem) => {
        if (!authorizer.checksItems) return undefined;
        const verdict = await authorizer.check(caller, rpc, item);
        return verdict.allow ? undefined : verdict.refusal;
      },
    };
  }

  async #limit(rpc: RpcDeclaration<never, never>, call: Call, weight: number): Promise<void> {
    if (rpc.rate === undefined) return;
    const who = rpc.rate.per === "agent" ? rateAgent(call.caller) : rateAddress(call.caller);
    if (who !== undefined) await this.#deps.limiter.take(rpc.rate.class, who, weight, call);
  }

  #succeeded<Request, Response>(
    rpc: RpcDeclaration<Request, Response>,
    caller: Caller,
    context: CallContext,
    trace: Trace<Request>,
    response: Response,
    startedMs: number,
  ): void {
    const { metrics, audit } = this.#deps;
    metrics.called(rpc.method, "OK", this.#seconds(rpc, startedMs));
    if (rpc.audit.kind === "read" || trace.request === undefined) return;
    const issued = rpc.audit.issued?.(response);
    if (issued !== undefined) metrics.issued(issued.kind, issued.count);
    const items = rpc.audit.items?.(trace.request.value, response);
    for (const item of items ?? []) if (item.code !== "OK") metrics.refused(item.code);
    metrics.audited(items?.length ?? 1);
    audit.record({
      requestId: context.requestId,
      method: rpc.method,
      caller,
      authorizedAs: trace.as,
      code: "OK",
      message: "",
      fields: { ...rpc.audit.fields?.(trace.request.value), ...rpc.audit.result?.(response) },
      items,
    });
  }

  #failed<Request, Response>(
    rpc: RpcDeclaration<Request, Response>,
    caller: Caller,
    context: CallContext,
    trace: Trace<Request>,
    error: unknown,
    startedMs: number,
  ): void {
    const { metrics, audit } = this.#deps;
    // The caller went away: nobody was refused anything.
    if (context.signal.aborted && (!(error instanceof ServiceError) || error.code === "ERR_CALL_CANCELLED")) {
      metrics.called(rpc.method, "CANCELLED", undefined);
      return;
    }
    const code = error instanceof ServiceError ? error.code : "ERR_INTERNAL";
    metrics.called(rpc.method, code, this.#seconds(rpc, startedMs));
    if (rpc.audit.usualEnds?.includes(code) === true) return;
    metrics.refused(code);
    metrics.audited(1);
    audit.record({
      requestId: context.requestId,
      method: rpc.method,
      caller,
      authorizedAs: trace.as,
      code,
      message: error instanceof ServiceError ? error.message : "",
      fields: trace.request === undefined ? {} : (rpc.audit.fields?.(trace.request.value) ?? {}),
      items: undefined,
    });
  }

  #seconds(rpc: RpcDeclaration<never, never>, startedMs: number): number | undefined {
    return rpc.isStream === true ? undefined : (this.#deps.clock.monotonic() - startedMs) / 1000;
  }
}

interface Trace<Request> {
  as: string;
  request: { readonly value: Request } | undefined;
}
