import type { Random } from "./random.ts";

export interface BackOffOptions {
  /** First delay, milliseconds. */
  readonly initialMs: number;
  /** No delay is longer, jitter included, milliseconds. */
  readonly capMs: number;
  /** Growth per attempt. Default 2. */
  readonly factor?: number;
  /** Share of the delay that is random, 0–1. Default 0.5. */
  readonly jitter?: number;
}

/** Whole milliseconds before attempt `attempt` (0 = first retry): capped exponential growth, the last `jitter` share drawn. */
export function backOffMs(attempt: number, options: BackOffOptions, random: Random): number {
  const { initialMs, capMs, factor = 2, jitter = 0.5 } = options;
  const full = Math.min(capMs, initialMs * factor ** Math.min(attempt, 64));
  return Math.round(full * (1 - jitter) + full * jitter * random.float());
}
