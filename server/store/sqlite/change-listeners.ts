import { errorFields, type Logger } from "../../../runtime/core/index.ts";
import type { Change } from "../ports.ts";

/** Who hears of commits. */
export class ChangeListeners {
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  announce(changes: readonly Change[]): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(changes);
      } catch (error) {
        // The commit is done and must be acknowledged; one broken listener must not hide it from the others.
        this.#logger.error(errorFields(error), "a listener of the change feed failed");
      }
    }
  }
}
