import type { Clock } from "../../runtime/core/index.ts";
import type { WatchOptions } from "../client/workload-api-client.ts";
import { WorkloadError } from "../errors.ts";
import { type Observer, type SourceStateEvent, tell } from "../observer.ts";
import { notify } from "./notify.ts";

/** How a source is doing. */
export interface SourceHealth {
  /** The Workload API answered last; `false` while it cannot be reached or refuses. */
  readonly isConnected: boolean;
  /** Milliseconds since the last update. */
  readonly ageMs: number;
  /** Why it is not connected or has no state; `undefined` when all is well. */
  readonly lastProblem: WorkloadError | undefined;
}

/** Ends a subscription. Idempotent. */
export type Unsubscribe = () => void;

interface LiveStateOptions<State> {
  /** What is waited for, as the time-out names it: "no … came within". */
  readonly what: SourceStateEvent["source"];
  readonly clock: Clock;
  readonly observer?: Observer | undefined;
  readonly watch: (options: WatchOptions) => AsyncIterable<State>;
  /** Says why a state does not do: it is kept, but `start` waits for a better one. */
  readonly judge?: (state: State) => WorkloadError | undefined;
  /** The same content again is news of nothing: listeners are not called. */
  readonly isSame: (state: State, last: State) => boolean;
}

/** An agent holds a refusal for a moment, since an entry may be on its way. */
export function noAnswer(): WorkloadError {
  const message = "the Workload API has not answered yet; is there an entry for this process?";
  const fix = "create an entry whose selectors this process has, and raise `timeoutMs` when it comes late";
  return new WorkloadError("ERR_WORKLOAD_API_UNAVAILABLE", message, { fix });
}

/**
 * The newest state of one stream of the Workload API. An outage changes nothing, a denial withdraws the state
 * (SPIFFE_Workload_API §4.4, §13.5), and an update that is not legal is discarded.
 */
export class LiveState<State> {
  readonly #options: LiveStateOptions<State>;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<() => void>();
  #state: State | undefined;
  #updatedAt = 0;
  #isConnected = false;
  #isUsable = false;
  #lastProblem: WorkloadError | undefined;
  #running: Promise<void> = Promise.resolve();
  #told = "";

  constructor(options: LiveStateOptions<State>) {
    this.#options = options;
  }

  get state(): State | undefined {
    return this.#state;
  }

  get isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  get health(): SourceHealth {
    return {
      isConnected: this.#isConnected,
      ageMs: this.#options.clock.now() - this.#updatedAt,
      lastProblem: this.#lastProblem,
    };
  }

  onChange(listener: () => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves with the first state that does. Rejects as `X509Source.open` does; the caller closes then. */
  start({ timeoutMs = 30_000, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(timeoutMs, () => {
        const cause = this.#lastProblem ?? noAnswer();
        const message = `no ${this.#options.what} came within ${timeoutMs} ms: ${cause.message}`;
        settle(() => reject(new WorkloadError("ERR_SOURCE_TIMEOUT", message, { cause, fix: cause.fix })));
      });
      const onAbort = (): void => settle(() => reject(signal?.reason));
      const stopListening = this.onChange(() => {
        if (this.#isUsable) settle(resolve);
      });
      const settle = (how: () => void): void => {
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
        stopListening();
        how();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      this.#running = this.#follow().catch((error: unknown) => {
        this.#isConnected = false;
        this.#lastProblem = error instanceof WorkloadError ? error : undefined;
        this.#tellState();
        settle(() => reject(error));
      });
    });
  }

  /** Ends the stream; resolves when it has ended. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    this.#listeners.clear();
  }

  async #follow(): Promise<void> {
    const { watch } = this.#options;
    const onProblem = (problem: WorkloadError, retryInMs: number): void => this.#onProblem(problem, retryInMs);
    for await (const state of watch({ signal: this.#abort.signal, onProblem })) this.#onUpdate(state);
  }

  #onUpdate(state: State): void {
    this.#isConnected = true;
    this.#updatedAt = this.#options.clock.now();
    const isNews = this.#state === undefined || !this.#options.isSame(state, this.#state);
    this.#lastProblem = this.#options.judge?.(state);
    this.#isUsable = this.#lastProblem === undefined;
    this.#tellState();
    if (!isNews) return;
    this.#state = state;
    notify(this.#listeners);
  }

  #onProblem(problem: WorkloadError, retryInMs: number): void {
    this.#lastProblem = problem;
    // One message was discarded, and the stream goes on.
    const goesOn = problem.code === "ERR_WORKLOAD_API_MALFORMED" && retryInMs === 0;
    if (!goesOn) this.#isConnected = false;
    this.#tellState();
    if (goesOn) return;
    if (problem.code !== "ERR_WORKLOAD_API_DENIED" || this.#state === undefined) return;
    this.#state = undefined;
    this.#isUsable = false;
    notify(this.#listeners);
  }

  /** Once per change: reconnecting fails for the same reason again and again. */
  #tellState(): void {
    const error = this.#lastProblem;
    const isConnected = this.#isConnected;
    const told = `${isConnected} ${error?.code} ${error?.reason}`;
    if (told === this.#told) return;
    this.#told = told;
    tell(this.#options.observer, { name: "source.state", source: this.#options.what, isConnected, error });
  }
}
