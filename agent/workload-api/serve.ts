import { type ResponseSink, type RpcContext, ServiceError } from "../../transport/index.ts";
import type { AgentState, Identities, WorkloadView } from "../ports.ts";
import type { WorkloadApiConfig } from "./config.ts";
import type { RunningCalls } from "./running-calls.ts";
import type { WorkloadApiTelemetry } from "./telemetry.ts";
import type { WorkloadCall } from "./workload-call.ts";

/** What a handler needs. */
export interface HandlerContext {
  readonly calls: RunningCalls;
  readonly telemetry: WorkloadApiTelemetry;
  readonly identities: Identities;
  readonly config: WorkloadApiConfig;
  readonly state: () => AgentState;
}

/** What a view means to one RPC. */
export type Answer =
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  /** `isFinal`: an open stream ends with it; otherwise it stays open in silence until there is a message. */
  | { readonly kind: "refusal"; readonly error: ServiceError; readonly isFinal: boolean };

/**
 * A stream of views: the first message at once when there is one (held for a while when not), then the newest
 * whenever it differs. Every message is complete and is sent to a caller just attested. Only ever ends by throwing.
 */
export async function serveViews<Response>(
  handler: HandlerContext,
  context: RpcContext,
  sink: ResponseSink<Response>,
  answerTo: (view: WorkloadView) => Answer,
): Promise<never> {
  return await withCall(handler, context, async (call) => {
    let sent: Uint8Array | undefined;
    for (let view = await call.open(); ; view = await call.next()) {
      const answer = answerTo(view);
      if (answer.kind === "message") {
        call.release();
        if (isSame(sent, answer.bytes)) continue;
        await call.send(sink, answer.bytes);
        sent = answer.bytes;
        handler.telemetry.answered(context);
      } else if (sent === undefined) {
        call.hold(view.isCurrent, answer.error);
      } else if (answer.isFinal) {
        throw answer.error;
      }
    }
  });
}

/** Runs `serve` with a call of its own and reports how it ended. */
export async function withCall<Result>(
  handler: HandlerContext,
  context: RpcContext,
  serve: (call: WorkloadCall) => Promise<Result>,
): Promise<Result> {
  const call = handler.calls.open(context);
  try {
    await call.begin();
    return await serve(call);
  } catch (error) {
    if (error instanceof ServiceError && !context.signal.aborted) {
      handler.telemetry.refused(context, call.caller, call.selectors, error);
    }
    throw error;
  } finally {
    call[Symbol.dispose]();
  }
}

function isSame(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && (left === right || Buffer.compare(left, right) === 0);
}
