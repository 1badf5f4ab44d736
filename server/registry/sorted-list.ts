/** Values in the order of their `Place`s, in chunks, so that inserting among 100,000 moves a few hundred and appending moves none. */
export class SortedList<Place, T extends Place> {
  readonly #compare: (left: Place, right: Place) => number;
  #chunks: T[][] = [];
  #size = 0;

  /** `compare` is 0 only for values that stand for the same thing. */
  constructor(compare: (left: Place, right: Place) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  /** Replaces the value that compares equal. */
  put(value: T): void {
    const at = Math.max(0, this.#chunkOf(value));
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([value]);
      this.#size += 1;
      return;
    }
    const index = this.#lowerBound(chunk, value);
    const there = chunk[index];
    if (there !== undefined && this.#compare(there, value) === 0) {
      chunk[index] = value;
      return;
    }
    chunk.splice(index, 0, value);
    this.#size += 1;
    if (chunk.length > chunkLimit) this.#split(at, chunk, index);
  }

  /** Removes the value that compares equal; false when there is none. */
  delete(value: Place): boolean {
    const at = this.#chunkOf(value);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return false;
    const index = this.#lowerBound(chunk, value);
    const there = chunk[index];
    if (there === undefined || this.#compare(there, value) !== 0) return false;
    chunk.splice(index, 1);
    this.#size -= 1;
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    return true;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#from(0, 0);
  }

  /** Values that sort after `value`, which need not be in the list. */
  after(value: Place): Iterable<T> {
    const at = Math.max(0, this.#chunkOf(value));
    const chunk = this.#chunks[at] ?? [];
    let index = this.#lowerBound(chunk, value);
    const there = chunk[index];
    if (there !== undefined && this.#compare(there, value) === 0) index += 1;
    return { [Symbol.iterator]: () => this.#from(at, index) };
  }

  *#from(at: number, first: number): Generator<T, void> {
    let index = first;
    for (let chunkIndex = at; chunkIndex < this.#chunks.length; chunkIndex += 1) {
      const chunk = this.#chunks[chunkIndex] ?? [];
      for (; index < chunk.length; index += 1) {
        const value = chunk[index];
        if (value !== undefined) yield value;
      }
      index = 0;
    }
  }

  /** The last chunk whose first value is not after `value`; -1 when there is none. */
  #chunkOf(value: Place): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#chunks[middle]?.[0];
      if (first !== undefined && this.#compare(first, value) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #lowerBound(chunk: readonly T[], value: Place): number {
    const last = chunk.at(-1);
    if (last !== undefined && this.#compare(last, value) < 0) return chunk.length;
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = chunk[middle];
      if (there !== undefined && this.#compare(there, value) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(at: number, chunk: T[], index: number): void {
    // Appending leaves full chunks behind it; inserting in the middle halves.
    const cut = index === chunk.length - 1 ? chunk.length - 1 : chunk.length >>> 1;
    this.#chunks.splice(at + 1, 0, chunk.splice(cut));
  }
}

const chunkLimit = 512;
