import type { Selector } from "../../spiffe/index.ts";
import type { SelectorSet } from "../domain/selection.ts";

interface Indexed {
  readonly selectors: readonly Selector[];
}

/**
 * Finds the items whose selectors might all be in a set, without looking at all items. Each item is filed under one
 * of its selectors (an item that matches has every selector in the set, so any will do): the rarest at the time.
 */
export class SelectorIndex<T extends Indexed> {
  readonly #buckets = new Map<string, Set<T>>();
  readonly #filedUnder = new Map<T, string>();
  /** Of each selector type, how many items ask for each value. */
  readonly #valuesByType = new Map<string, Map<string, number>>();
  readonly #prefixAnswers = new Map<string, boolean>();

  add(item: T): void {
    const values = item.selectors.map((selector) => selector.toString());
    const rarest = values.reduce<string | undefined>(
      (best, value) => (best === undefined || this.#sizeOf(value) < this.#sizeOf(best) ? value : best),
      undefined,
    );
    if (rarest === undefined) return;
    const bucket = this.#buckets.get(rarest) ?? new Set<T>();
    bucket.add(item);
    this.#buckets.set(rarest, bucket);
    this.#filedUnder.set(item, rarest);
    for (const selector of item.selectors) this.#count(selector, 1);
    this.#prefixAnswers.clear();
  }

  remove(item: T): void {
    const filed = this.#filedUnder.get(item);
    if (filed === undefined) return;
    this.#filedUnder.delete(item);
    const bucket = this.#buckets.get(filed);
    bucket?.delete(item);
    if (bucket?.size === 0) this.#buckets.delete(filed);
    for (const selector of item.selectors) this.#count(selector, -1);
    this.#prefixAnswers.clear();
  }

  /** A superset of the items that match. */
  *candidates(workload: SelectorSet): Generator<T> {
    for (const value of workload.values) yield* this.#buckets.get(value) ?? [];
  }

  hasSelector(type: string, prefix: string): boolean {
    const question = `${type}\0${prefix}`;
    const known = this.#prefixAnswers.get(question);
    if (known !== undefined) return known;
    const values = this.#valuesByType.get(type)?.keys() ?? [];
    let answer = false;
    for (const value of values) if (value.startsWith(prefix)) answer = true;
    this.#prefixAnswers.set(question, answer);
    return answer;
  }

  #sizeOf(value: string): number {
    return this.#buckets.get(value)?.size ?? 0;
  }

  #count({ type, value }: Selector, by: 1 | -1): void {
    const values = this.#valuesByType.get(type) ?? new Map<string, number>();
    const count = (values.get(value) ?? 0) + by;
    if (count > 0) values.set(value, count);
    else values.delete(value);
    if (values.size > 0) this.#valuesByType.set(type, values);
    else this.#valuesByType.delete(type);
  }
}
