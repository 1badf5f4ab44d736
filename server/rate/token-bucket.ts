/**
 * Tokens flow in at `rate` a second up to `rate` (rate = burst, as in SPIRE). Taking may go below zero: that is a
 * reservation, paid for by waiting. Pure arithmetic on the time it is given.
 */
export class TokenBucket {
  readonly #rate: number;
  #tokens: number;
  #atMs: number;

  constructor(rate: number, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate;
    this.#atMs = nowMs;
  }

  /** Milliseconds to wait before going on, at most `maxWaitMs`; otherwise nothing is taken and `retryMs` says when. */
  take(weight: number, nowMs: number, maxWaitMs: number): { readonly waitMs: number } | { readonly retryMs: number } {
    this.#refill(nowMs);
    const missing = weight - this.#tokens;
    const waitMs = missing <= 0 ? 0 : (missing / this.#rate) * 1000;
    if (waitMs > maxWaitMs) return { retryMs: waitMs };
    this.#tokens -= weight;
    return { waitMs };
  }

  giveBack(weight: number): void {
    this.#tokens = Math.min(this.#rate, this.#tokens + weight);
  }

  /** Full again: forgetting it changes nothing. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= this.#rate;
  }

  #refill(nowMs: number): void {
    this.#tokens = Math.min(this.#rate, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#rate);
    this.#atMs = nowMs;
  }
}
