/** So much at once, and so much a second again. */
export interface AllowanceRate {
  readonly burst: number;
  readonly perSecond: number;
}

/** What a peer may do of something that costs us work and it nearly nothing. */
export class Allowance {
  readonly #rate: AllowanceRate;
  readonly #now: () => number;
  #left: number;
  #atMs: number;

  /** `now`: milliseconds, never going back. */
  constructor(rate: AllowanceRate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
    this.#left = rate.burst;
    this.#atMs = now();
  }

  /** False: it is used up. */
  use(): boolean {
    this.#left -= 1;
    if (this.#left >= 0) return true;
    const nowMs = this.#now();
    this.#left = Math.min(this.#rate.burst, this.#left + ((nowMs - this.#atMs) * this.#rate.perSecond) / 1_000);
    this.#atMs = nowMs;
    return this.#left >= 0;
  }

  /** For work that was worth it. */
  earn(amount: number): void {
    this.#left = Math.min(this.#rate.burst, this.#left + amount);
  }
}
