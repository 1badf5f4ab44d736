/**
 * Time as a parameter (design §1.6). Nothing outside `runtime/` and adapters reads a clock or sets a timer;
 * it asks a `Clock`, so that a month of rotations runs in a second of test.
 */
export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds from an arbitrary origin; never goes back. For durations only. */
  monotonic(): number;
  /** Runs `task` once after `delayMs` (≥ 0; longer than 2^31-1 ms is allowed). Does not keep the process alive. */
  setTimer(delayMs: number, task: () => void): Timer;
  /** Resolves after `delayMs`; rejects with `signal.reason` when aborted. Keeps the process alive: somebody waits. */
  sleep(delayMs: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** A task that a `Clock` will run. */
export interface Timer {
  /** Idempotent; after it the task does not run. */
  cancel(): void;
}

const longestTimerMs = 0x7fffffff;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  readonly #dueAt: number;
  readonly #task: () => void;
  readonly #keepsAlive: boolean;

  constructor(delayMs: number, task: () => void, keepsAlive: boolean) {
    this.#dueAt = performance.now() + delayMs;
    this.#task = task;
    this.#keepsAlive = keepsAlive;
    this.#arm(delayMs);
  }

  #arm(leftMs: number): void {
    this.#handle = setTimeout(() => this.#fire(), Math.min(Math.max(0, leftMs), longestTimerMs));
    if (!this.#keepsAlive) this.#handle.unref();
  }

  #fire(): void {
    const leftMs = this.#dueAt - performance.now();
    // Node clamps long delays, so a far timer is armed again until its time has really come.
    if (leftMs > 1) this.#arm(leftMs);
    else this.#task();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** The operating system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (delayMs, task) => new SystemTimer(delayMs, task, false),
  sleep: (delayMs, options) => {
    const waiting = { setTimer: (ms: number, task: () => void) => new SystemTimer(ms, task, true) };
    return sleepWith(waiting, delayMs, options?.signal);
  },
};

/** `sleep` in terms of `setTimer`; for implementations of `Clock`. */
export function sleepWith(clock: Pick<Clock, "setTimer">, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
