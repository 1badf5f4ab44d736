import type { Clock } from "../../runtime/core/index.ts";
import { agentLimits } from "../limits.ts";
import type { WorkloadApiConfig } from "./config.ts";
import { workloadApiErrors } from "./errors.ts";

/** Who is being held, by uid: a bound, so that processes without an entry cannot wait in thousands. */
export class HoldTable {
  readonly #config: WorkloadApiConfig;
  readonly #perUid = new Map<number, number>();
  #total = 0;

  constructor(config: WorkloadApiConfig) {
    this.#config = config;
  }

  get held(): number {
    return this.#total;
  }

  /** Returns the way out, to be called once. @throws ServiceError ERR_HOLD_LIMIT */
  enter(uid: number): () => void {
    const ofUid = this.#perUid.get(uid) ?? 0;
    if (ofUid >= this.#config.heldCallersPerUid || this.#total >= this.#config.heldCallers) {
      throw workloadApiErrors.error("ERR_HOLD_LIMIT", "too many callers without identity are waiting", {
        details: [{ kind: "retry", delayMs: this.#config.holdCurrentMs }],
      });
    }
    this.#perUid.set(uid, ofUid + 1);
    this.#total += 1;
    return () => this.#leave(uid);
  }

  #leave(uid: number): void {
    const left = (this.#perUid.get(uid) ?? 0) - 1;
    if (left > 0) this.#perUid.set(uid, left);
    else this.#perUid.delete(uid);
    this.#total -= 1;
  }
}

/**
 * Hold instead of deny (design §4), for one call: an entry created a moment ago may be on its way. Ends 200 ms before
 * the caller's own deadline, so that it hears the reason and not a time-out.
 */
export class Hold implements Disposable {
  readonly #clock: Clock;
  readonly #config: WorkloadApiConfig;
  readonly #leave: () => void;
  readonly #startedAt: number;
  readonly #callerLimitAt: number;
  #currentSince: number | undefined;

  /** @throws ServiceError ERR_HOLD_LIMIT */
  constructor(
    table: HoldTable,
    uid: number,
    deadlineLeftMs: number | undefined,
    clock: Clock,
    config: WorkloadApiConfig,
  ) {
    this.#leave = table.enter(uid);
    this.#clock = clock;
    this.#config = config;
    this.#startedAt = clock.monotonic();
    const margin = agentLimits.holdDeadlineMarginMs.value;
    this.#callerLimitAt =
      deadlineLeftMs === undefined ? Number.POSITIVE_INFINITY : this.#startedAt + deadlineLeftMs - margin;
  }

  /** Milliseconds this call may still wait; ≤ 0 when it is over. The time of a current agent counts from when it became so. */
  leftMs(isCurrent: boolean): number {
    const now = this.#clock.monotonic();
    this.#currentSince = isCurrent ? (this.#currentSince ?? now) : undefined;
    const behindLimitAt = this.#startedAt + Math.max(this.#config.holdBehindMs, this.#config.holdCurrentMs);
    const currentLimitAt =
      this.#currentSince === undefined ? Number.POSITIVE_INFINITY : this.#currentSince + this.#config.holdCurrentMs;
    return Math.min(behindLimitAt, currentLimitAt, this.#callerLimitAt) - now;
  }

  [Symbol.dispose](): void {
    this.#leave();
  }
}
