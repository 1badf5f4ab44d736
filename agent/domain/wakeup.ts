import type { Clock } from "../../runtime/core/index.ts";

/** Lets somebody who sleeps be woken early. A wake-up while nobody sleeps counts for the next sleep. */
export class Wakeup {
  #isPending = false;
  #wake: (() => void) | undefined;

  wake(): void {
    this.#isPending = true;
    this.#wake?.();
  }

  /** Until `delayMs` have passed or somebody wakes. Rejects with `signal.reason`. */
  async sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isPending) {
      await new Promise<void>((resolve, reject) => {
        const finish = (settle: () => void): void => {
          timer.cancel();
          signal.removeEventListener("abort", onAbort);
          this.#wake = undefined;
          settle();
        };
        const onAbort = (): void => finish(() => reject(signal.reason));
        const timer = clock.setTimer(delayMs, () => finish(resolve));
        this.#wake = () => finish(resolve);
        signal.addEventListener("abort", onAbort, { once: true });
      });
    }
    this.#isPending = false;
  }
}
