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

  /** What is distrusted, all of it. The first word on an authority counts: its moment does not move. */
  update(authorityIds: ReadonlySet<string>, spreadMsOf: (authorityId: string) => number): void {
    for (const id of [...this.#waiting.keys(), ...this.#due]) if (!authorityIds.has(id)) this.#forget(id);
    let isDue = false;
    for (const id of authorityIds) {
      if (this.#due.has(id) || this.#waiting.has(id)) continue;
      const delayMs = Math.floor(this.#deps.random.float() * spreadMsOf(id));
      if (delayMs > 0)
        this.#waiting.set(
          id,
          this.#deps.clock.setTimer(delayMs, () => this.#begin(id)),
        );
      else {
        this.#due.add(id);
        isDue = true;
      }
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
