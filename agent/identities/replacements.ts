import type { Clock, Random, Timer } from "../../runtime/core/index.ts";

export interface ReplacementsDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** What authorities that were distrusted have signed is to be replaced now. */
  readonly onDue: () => void;
}

/**
 * When what a distrusted authority signed is replaced: not by all agents at once, but at a moment each draws for itself
 * within the time it was given.
 */
export class Replacements {
  readonly #deps: ReplacementsDeps;
  readonly #waiting = new Map<string, Timer>();
  readonly #due = new Set<string>();

  constructor(deps: ReplacementsDeps) {
    this.#deps = deps;
  }

  isDue(authorityId: string): boolean {
    return this.#due.has(authorityId);
  }

  /**
   * What is distrusted, all of it. The first word on an authority counts: its moment does not move, unless there is no
   * time left (`"at once"`).
   */
  update(authorityIds: ReadonlySet<string>, spreadMsOf: (authorityId: string) => number | "at once"): void {
    for (const id of [...this.#waiting.keys(), ...this.#due]) if (!authorityIds.has(id)) this.#forget(id);
    let isDue = false;
    for (const id of authorityIds) {
      const spreadMs = spreadMsOf(id);
      if (this.#due.has(id) || (this.#waiting.has(id) && spreadMs !== "at once")) continue;
      const delayMs = spreadMs === "at once" ? 0 : Math.floor(this.#deps.random.float() * spreadMs);
      if (delayMs > 0) {
        const timer = this.#deps.clock.setTimer(delayMs, () => this.#begin(id));
        this.#waiting.set(id, timer);
        continue;
      }
      this.#forget(id);
      this.#due.add(id);
      isDue = true;
    }
    if (isDue) this.#deps.onDue();
  }

  close(): void {
    for (const timer of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
  }

  #begin(authorityId: string): void {
    this.#waiting.delete(authorityId);
    this.#due.add(authorityId);
    this.#deps.onDue();
  }

  #forget(authorityId: string): void {
    this.#waiting.get(authorityId)?.cancel();
    this.#waiting.delete(authorityId);
    this.#due.delete(authorityId);
  }
}
