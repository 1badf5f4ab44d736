/**
 * Background work that belongs to somebody: no promise floats. The first task that fails aborts the others;
 * `close()` aborts all, waits for all and rethrows the first failure that came before it.
 */
export class TaskGroup implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  readonly #onFailure: ((error: unknown) => void) | undefined;

  /** `onFailure` hears of the first failure at once; the owner usually closes then. */
  constructor(onFailure?: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  run(task: (signal: AbortSignal) => Promise<void>): void {
    if (this.#abort.signal.aborted) return;
    const running = this.#guard(task).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #guard(task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await task(this.#abort.signal);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failure = { error };
      this.#abort.abort(error);
      this.#onFailure?.(error);
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort(new Error("closing"));
    while (this.#running.size > 0) await Promise.all(this.#running);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
