import type { Clock } from "../../runtime/core/index.ts";
import { inlineRunner, type JobRunner } from "./job-runner.ts";
import type { SigningContext, SvidItem, SvidResult } from "./svid-job.ts";

export interface OnDemandRunnerOptions {
  readonly clock: Clock;
  /** Makes the pool, the first time there is work for it. */
  readonly pool: () => JobRunner & { readonly queued: number };
  /** Signs what is little; default: this thread. */
  readonly inline?: JobRunner;
}

/** More items than this within a second are work for other threads. About 15 ms of this one. */
const itemsInline = 64;
const windowMs = 1_000;

/**
 * Signs on the calling thread while there is little to sign, and starts the workers with the first real load: an idle
 * server needs neither their memory nor their start-up time. Once started they stay.
 */
export class OnDemandRunner implements JobRunner {
  readonly #options: OnDemandRunnerOptions;
  #pool: (JobRunner & { readonly queued: number }) | undefined;
  #windowStart = Number.NEGATIVE_INFINITY;
  #windowItems = 0;

  constructor(options: OnDemandRunnerOptions) {
    this.#options = options;
  }

  /** Items that no worker has taken yet. */
  get queued(): number {
    return this.#pool?.queued ?? 0;
  }

  run(context: SigningContext, items: readonly SvidItem[]): Promise<readonly SvidResult[]> {
    if (this.#pool === undefined && !this.#isLoad(items.length))
      return (this.#options.inline ?? inlineRunner).run(context, items);
    this.#pool ??= this.#options.pool();
    return this.#pool.run(context, items);
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }

  #isLoad(items: number): boolean {
    const now = this.#options.clock.monotonic();
    if (now - this.#windowStart > windowMs) {
      this.#windowStart = now;
      this.#windowItems = 0;
    }
    this.#windowItems += items;
    return this.#windowItems > itemsInline;
  }
}
