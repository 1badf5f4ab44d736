import type { Clock } from "../../runtime/core/index.ts";

/**
 * Lets `perTurn` through, then makes the rest wait for the event loop's next turn: one bundle change wakes thousands
 * of watchers at once, and new callers must not wait until the last of them was served.
 */
export class Turnstile {
  readonly #clock: Clock;
  readonly #perTurn: number;
  readonly #queue: (() => void)[] = [];
  #left: number;
  #isTurnPending = false;

  constructor(clock: Clock, perTurn: number) {
    this.#clock = clock;
    this.#perTurn = perTurn;
    this.#left = perTurn;
  }

  /** `undefined`: go on at once. First come, first served. */
  take(): Promise<void> | undefined {
    this.#awaitTurn();
    if (this.#left > 0) {
      this.#left -= 1;
      return undefined;
    }
    return new Promise((resolve) => void this.#queue.push(resolve));
  }

  #awaitTurn(): void {
    if (this.#isTurnPending) return;
    this.#isTurnPending = true;
    this.#clock.setTimer(0, () => this.#turn());
  }

  #turn(): void {
    this.#isTurnPending = false;
    const admitted = this.#queue.splice(0, this.#perTurn);
    this.#left = this.#perTurn - admitted.length;
    if (this.#queue.length > 0 || admitted.length > 0) this.#awaitTurn();
    for (const admit of admitted) admit();
  }
}
