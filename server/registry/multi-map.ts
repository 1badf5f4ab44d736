/** Key → values. Most keys have one value, which then costs no set of its own. Values are not `Set`s. */
export class MultiMap<V extends object> {
  readonly #values = new Map<string, V | Set<V>>();

  add(key: string, value: V): void {
    const there = this.#values.get(key);
    if (there === undefined) this.#values.set(key, value);
    else if (there instanceof Set) there.add(value);
    else if (there !== value) this.#values.set(key, new Set([there, value]));
  }

  delete(key: string, value: V): void {
    const there = this.#values.get(key);
    if (there === value) this.#values.delete(key);
    else if (there instanceof Set) {
      there.delete(value);
      if (there.size === 0) this.#values.delete(key);
    }
  }

  /** Live: do not change the map while iterating. */
  get(key: string): Iterable<V> {
    const there = this.#values.get(key);
    if (there === undefined) return none;
    return there instanceof Set ? there : [there];
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }
}

const none: readonly never[] = [];
