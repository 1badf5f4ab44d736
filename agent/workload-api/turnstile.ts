import type { Clock } from "../../runtime/core/index.ts";

/** How many one turn of the event loop lets through. */
export interface TurnstileLimits {
  readonly perTurn: number;
  /** Of one uid. */
  readonly perUid: number;
}

/**
 * Lets so many through, then makes the rest wait for the event loop's next turn, uid by uid: one bundle change wakes
 * thousands of watchers at once, one user can call thousands of times at once, and neither must keep another caller
 * waiting. Nothing else may either: the loop accepts one connection a turn, so a turn has to be short.
 */
export class Turnstile {
  readonly #clock: Clock;
  readonly #limits: TurnstileLimits;
  /** Who waits, by uid; the uid that was let through last is last. No queue is empty. */
  readonly #queues = new Map<number, (() => void)[]>();
  readonly #passed = new Map<number, number>();
  #left: number;
  #isTurnPending = false;

  constructor(clock: Clock, limits: TurnstileLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#left = limits.perTurn;
  }

  /** `undefined`: go on at once. Of one uid, first come, first served. */
  take(uid: number): Promise<void> | undefined {
    this.#awaitTurn();
    const queue = this.#queues.get(uid);
    const passed = this.#passed.get(uid) ?? 0;
    if (queue === undefined && this.#left > 0 && passed < this.#limits.perUid) {
      this.#left -= 1;
      this.#passed.set(uid, passed + 1);
      return undefined;
    }
    return new Promise((resolve) => {
      if (queue === undefined) this.#queues.set(uid, [resolve]);
      else queue.push(resolve);
    });
  }

  #awaitTurn(): void {
    if (this.#isTurnPending) return;
    this.#isTurnPending = true;
    this.#clock.setTimer(0, () => this.#turn());
  }

  #turn(): void {
    this.#isTurnPending = false;
    this.#left = this.#limits.perTurn;
    this.#passed.clear();
    const admitted: (() => void)[] = [];
    for (const [uid, queue] of [...this.#queues]) {
      const next = queue.splice(0, Math.min(this.#left, this.#limits.perUid));
      if (next.length === 0) break;
      admitted.push(...next);
      this.#left -= next.length;
      this.#passed.set(uid, next.length);
      this.#queues.delete(uid);
      if (queue.length > 0) this.#queues.set(uid, queue);
    }
    if (this.#queues.size > 0 || admitted.length > 0) this.#awaitTurn();
    for (const admit of admitted) admit();
  }
}
