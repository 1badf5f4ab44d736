import { backOffMs, type Clock, type Random } from "../../runtime/core/index.ts";
import { WorkloadError } from "../errors.ts";
import { workloadLimits } from "../limits.ts";

interface WatchStreamOptions<Update> {
  /** Calls the method anew. Ends, or rejects with a `WorkloadError`. */
  readonly open: () => AsyncIterable<Uint8Array>;
  /** @throws WorkloadError when the message is not legal */
  readonly read: (message: Uint8Array) => Update;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal;
  readonly onProblem?: (problem: WorkloadError, retryInMs: number) => void;
}

const backOff = { initialMs: 100, capMs: 10_000, factor: 2, jitter: 0.4 };

/**
 * The updates of one method, over as many streams as it takes. A message that is not legal is reported and changes
 * nothing (SPIFFE_Workload_API §4.5). A stream that had lasted and ends without an error status is opened again at once
 * (§4.2); after an error status, or when streams end as soon as they begin, the waiting grows.
 */
export async function* watchStream<Update>(
  options: WatchStreamOptions<Update>,
): AsyncGenerator<Update, void, undefined> {
  const { open, clock, signal } = options;
  for (let failures = 0; signal?.aborted !== true; ) {
    const openedMs = clock.monotonic();
    let hasUpdates = false;
    let problem: unknown = new WorkloadError("ERR_WORKLOAD_API_UNAVAILABLE", "the Workload API ended the stream");
    try {
      for await (const update of legalUpdates(open(), options)) {
        hasUpdates = true;
        yield update;
      }
    } catch (error) {
      problem = error;
    }
    const isSteady = hasUpdates && clock.monotonic() - openedMs >= workloadLimits.steadyStreamMs.value;
    failures = isSteady ? 0 : failures + 1;
    await recover(problem, failures, options);
  }
}

async function* legalUpdates<Update>(
  messages: AsyncIterable<Uint8Array>,
  { read, onProblem }: WatchStreamOptions<Update>,
): AsyncGenerator<Update, void, undefined> {
  let illegal = 0;
  for await (const message of messages) {
    let update: Update;
    try {
      update = read(message);
    } catch (error) {
      illegal += 1;
      if (!(error instanceof WorkloadError) || illegal >= workloadLimits.malformedAnswers.value) throw error;
      onProblem?.(error, 0);
      continue;
    }
    illegal = 0;
    yield update;
  }
}

/** Waits before the next try; rethrows what no retry can heal. `failures`: streams in a row that did not last. */
async function recover<Update>(
  problem: unknown,
  failures: number,
  { clock, random, signal, onProblem }: WatchStreamOptions<Update>,
): Promise<void> {
  if (signal?.aborted === true) return;
  if (!(problem instanceof WorkloadError) || isFinal(problem)) throw problem;
  const isAtOnce = failures === 0 && !isRefusal(problem);
  const delayMs = isAtOnce ? 0 : backOffMs(Math.max(0, failures - 1), backOff, random);
  onProblem?.(problem, delayMs);
  // An aborted sleep only means that the loop ends.
  if (delayMs > 0) await clock.sleep(delayMs, signal === undefined ? {} : { signal }).catch(() => {});
}

function isFinal({ code }: WorkloadError): boolean {
  return (
    code === "ERR_WORKLOAD_API_INVALID" || code === "ERR_WORKLOAD_API_UNIMPLEMENTED" || code === "ERR_SOURCE_CLOSED"
  );
}

/** An answer with an error status, or one that is no gRPC: waiting is what it asks for. */
function isRefusal({ code, grpcStatus }: WorkloadError): boolean {
  return grpcStatus !== undefined || code === "ERR_WORKLOAD_API_MALFORMED";
}
