import type { Clock, LogFields, Logger } from "../../runtime/core/index.ts";
import type { TransportMetrics } from "./metrics.ts";

const quietMs = 1_000;

/** Counts refused connections and logs at most one a second per reason: a flood must not become a flood of logs. */
export class Refusals {
  readonly #name: string;
  readonly #logger: Logger;
  readonly #metrics: TransportMetrics;
  readonly #clock: Clock;
  readonly #lastLog = new Map<string, { atMs: number; silent: number }>();

  constructor(name: string, logger: Logger, metrics: TransportMetrics, clock: Clock) {
    this.#name = name;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** `reason` is one of a fixed set of words. */
  note(reason: string, fields: LogFields): void {
    this.#metrics.refused.add(1, this.#name, reason);
    const nowMs = this.#clock.monotonic();
    const last = this.#lastLog.get(reason);
    if (last !== undefined && nowMs - last.atMs < quietMs) {
      last.silent += 1;
      return;
    }
    const silent = last?.silent ?? 0;
    this.#lastLog.set(reason, { atMs: nowMs, silent: 0 });
    this.#logger.warn({ listener: this.#name, reason, ...fields, not_logged: silent }, "connection refused");
  }
}
