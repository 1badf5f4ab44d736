import { type Clock, sleepWith, systemClock, type Timer } from "../../runtime/core/index.ts";

interface Pending {
  readonly dueAt: number;
  readonly order: number;
  readonly task: () => void;
}

/**
 * A clock that stands still until `advance`: give it to the kit and to the SDK's sources, and hours pass in
 * milliseconds. Timers fire in order of due time, then of creation.
 *
 * It rules what the SDK decides: expiry, renewal, back-off, time-outs of `open`. TLS handshakes do not know of it:
 * peers are verified by the real time, so for tests with connections stay within the life of the SVIDs in real time.
 */
export class TestClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  /** @param startMs milliseconds since 1970; default: the real time */
  constructor(startMs: number = systemClock.now()) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  /** Whole milliseconds since 1970, as the system's. */
  now(): number {
    return Math.floor(this.#nowMs);
  }

  /** Milliseconds since the clock was made. */
  monotonic(): number {
    return this.#nowMs - this.#startMs;
  }

  setTimer(delayMs: number, task: () => void): Timer {
    const pending = { dueAt: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  sleep(delayMs: number, options?: { readonly signal?: AbortSignal }): Promise<void> {
    return sleepWith(this, delayMs, options?.signal);
  }

  /** Timers not yet fired or cancelled. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /**
   * Moves time on by `byMs`, firing what becomes due on the way. Between two timers the event loop gets several turns,
   * so that promises and I/O within the process settle; what needs longer has to be awaited.
   */
  async advance(byMs: number): Promise<void> {
    const until = this.#nowMs + byMs;
    await settle();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueAt);
      next.task();
      await settle();
    }
    this.#nowMs = until;
  }

  #next(until: number): Pending | undefined {
    let best: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.dueAt > until) continue;
      if (
        best === undefined ||
        pending.dueAt < best.dueAt ||
        (pending.dueAt === best.dueAt && pending.order < best.order)
      ) {
        best = pending;
      }
    }
    return best;
  }
}

/** Gives pending promises and immediate callbacks several turns of the event loop. */
export async function settle(turns = 8): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
