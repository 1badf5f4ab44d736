import { backOffMs, type Clock, errorFields, type Logger, type Random } from "../../../runtime/core/index.ts";
import { filesLimits } from "../limits.ts";

const backOff = { initialMs: 250, capMs: 10_000, factor: 2, jitter: 0.2 };

export interface AttemptsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One thing that is tried until it succeeds, is given up, or has to be done anew. */
export class Attempts {
  readonly #what: string;
  readonly #deps: AttemptsDeps;
  #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(what: string, deps: AttemptsDeps) {
    this.#what = what;
    this.#deps = deps;
  }

  start(act: (signal: AbortSignal) => Promise<void>): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const before = this.#running;
    this.#running = before.then(() => this.#try(act, signal));
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #try(act: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#deps;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await act(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const isLast = attempt >= filesLimits.tellAttempts.value;
        const next = isLast ? "given up until files change again" : "trying again";
        logger[isLast ? "error" : "warn"]({ ...errorFields(error), attempt }, `${this.#what}: failed, ${next}`);
        if (isLast) return;
        await clock.sleep(backOffMs(attempt - 1, backOff, random), { signal }).catch(() => {});
      }
    }
  }
}
