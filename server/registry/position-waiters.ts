interface Waiter {
  readonly n: number;
  readonly resolve: () => void;
}

/** Who waits until the memory has reached a position. */
export class PositionWaiters {
  readonly #waiting = new Set<Waiter>();

  wait(n: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        n,
        resolve: () => {
          signal.removeEventListener("abort", abort);
          resolve();
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** Releases who waits for `n` or less. */
  reached(n: number): void {
    for (const waiter of [...this.#waiting]) if (waiter.n <= n) this.#release(waiter);
  }

  releaseAll(): void {
    for (const waiter of [...this.#waiting]) this.#release(waiter);
  }

  #release(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    waiter.resolve();
  }
}
