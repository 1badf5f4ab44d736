import type { AttestedNode } from "../../proto/domain/agent.ts";

/**
 * When the selectors of each node last changed: all that a node's change can mean for who may serve what. Renewals and
 * versions change nodes far more often.
 */
export class SelectorChanges {
  readonly #changedAt = new Map<string, number>();
  #knownSince = 0;

  /** Nothing is known of what happened up to `n`. */
  begin(n: number): void {
    this.#changedAt.clear();
    this.#knownSince = n;
  }

  note(key: string, before: AttestedNode | undefined, after: AttestedNode | undefined, n: number): void {
    if (after === undefined) this.#changedAt.delete(key);
    else if (before === undefined || !haveSameSelectors(before, after)) this.#changedAt.set(key, n);
  }

  /** After change number `n`, or perhaps. */
  mayHaveChangedAfter(key: string, n: number): boolean {
    return n < (this.#changedAt.get(key) ?? this.#knownSince);
  }
}

function haveSameSelectors({ selectors: left }: AttestedNode, { selectors: right }: AttestedNode): boolean {
  if (left === right) return true;
  return (
    left.length === right.length && left.every((selector, index) => selector.toString() === right[index]?.toString())
  );
}
