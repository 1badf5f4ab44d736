import type { SelectorInterest } from "../../ports.ts";

/**
 * What attestors asked for and were told, so that a change of entries that answers every question as before wakes
 * nobody. Attestors ask for a handful of constant prefixes.
 */
export class InterestMemory implements SelectorInterest {
  readonly #interest: SelectorInterest;
  readonly #asked = new Map<string, { readonly type: string; readonly prefix: string; readonly answer: boolean }>();

  constructor(interest: SelectorInterest) {
    this.#interest = interest;
  }

  wantsSelector(type: string, prefix: string): boolean {
    const answer = this.#interest.wantsSelector(type, prefix);
    const key = `${type}\n${prefix}`;
    if (this.#asked.get(key)?.answer !== answer) this.#asked.set(key, { type, prefix, answer });
    return answer;
  }

  /** Would an attestor now be told something else than when it last asked? */
  hasChanged(): boolean {
    for (const { type, prefix, answer } of this.#asked.values()) {
      if (this.#interest.wantsSelector(type, prefix) !== answer) return true;
    }
    return false;
  }
}
