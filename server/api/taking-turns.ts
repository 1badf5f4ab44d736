import type { Clock } from "../../runtime/core/index.ts";

/**
 * Work of one caller piece by piece, each in a turn of the event loop of its own: whatever a caller asks for at once,
 * others are served in between.
 */
export class TakingTurns {
  readonly #clock: Pick<Clock, "sleep">;
  /** By caller: resolves when the next piece may begin. */
  readonly #next = new Map<string, Promise<void>>();

  constructor(clock: Pick<Clock, "sleep">) {
    this.#clock = clock;
  }

  /** Resolves when it is this call's turn; at once for who has nothing else under way. Rejects with the signal's reason. */
  async turn(caller: string, call: { readonly signal: AbortSignal }): Promise<void> {
    const before = this.#next.get(caller);
    const after = (before ?? Promise.resolve()).then(() => this.#clock.sleep(0));
    this.#next.set(caller, after);
    void after.then(() => {
      if (this.#next.get(caller) === after) this.#next.delete(caller);
    });
    if (before === undefined) return;
    await before;
    call.signal.throwIfAborted();
  }
}
