import type { Clock, Timer } from "../../runtime/core/index.ts";

/** The wall clock can jump while the timer sleeps (NTP, suspend); so it looks at it at least this often. */
const longestSleepMs = 600_000;

/**
 * Calls `onDue` with the keys whose time has come, on one timer, however many keys there are. A key has one time;
 * setting it again moves it. A binary heap with lazy deletion: stale nodes are skipped when they surface.
 */
export class DueQueue<Key> {
  readonly #clock: Clock;
  readonly #onDue: (keys: readonly Key[]) => void;
  readonly #dueAt = new Map<Key, number>();
  #heap: { readonly at: number; readonly key: Key }[] = [];
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: (keys: readonly Key[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#dueAt.size;
  }

  set(key: Key, atMs: number): void {
    this.#dueAt.set(key, atMs);
    this.#push({ at: atMs, key });
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#dueAt.size) this.#rebuild();
    this.#arm();
  }

  delete(key: Key): void {
    this.#dueAt.delete(key);
  }

  clear(): void {
    this.#dueAt.clear();
    this.#heap = [];
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const next = this.#peek();
    if (next === undefined || next.at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = next.at;
    this.#timer = this.#clock.setTimer(Math.min(longestSleepMs, Math.max(0, next.at - this.#clock.now())), () =>
      this.#fire(),
    );
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    const due: Key[] = [];
    for (let next = this.#peek(); next !== undefined && next.at <= now; next = this.#peek()) {
      this.#pop();
      this.#dueAt.delete(next.key);
      due.push(next.key);
    }
    if (due.length > 0) this.#onDue(due);
    this.#arm();
  }

  /** The earliest node that still counts. */
  #peek(): { readonly at: number; readonly key: Key } | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#dueAt.get(top.key) === top.at) return top;
      this.#pop();
    }
    return undefined;
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [key, at] of this.#dueAt) this.#push({ at, key });
  }

  #push(node: { readonly at: number; readonly key: Key }): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(node);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || parent.at <= node.at) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = node;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const leftIndex = 2 * index + 1;
      const left = heap[leftIndex];
      if (left === undefined) break;
      const right = heap[leftIndex + 1];
      const [childIndex, child] =
        right !== undefined && right.at < left.at ? [leftIndex + 1, right] : [leftIndex, left];
      if (child.at >= last.at) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}
