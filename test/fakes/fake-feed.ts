import type { Position } from "../../proto/domain/link.ts";
import type { Change, Feed, FeedItem, FeedPage } from "../../server/store/ports.ts";

/** A feed of a test that decides what is written, announced, lost on the way, restored or down. */
export class FakeFeed implements Feed {
  epoch = "epoch-1";
  n = 0;
  horizon = 0;
  /** When set, everything rejects with it. */
  failure: Error | undefined;
  /** Calls to `changesAfter` and `snapshot`. */
  reads: string[] = [];
  readonly #newest = new Map<string, Change>();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();

  /** Commits; returns what a store would announce. */
  write(...items: readonly FeedItem[]): readonly Change[] {
    return items.map((item) => {
      this.n += 1;
      const change = { ...item, n: this.n };
      this.#newest.set(`${item.type} ${item.key}`, change);
      return change;
    });
  }

  announce(changes: readonly Change[]): void {
    for (const listener of [...this.#listeners]) listener(changes);
  }

  commit(...items: readonly FeedItem[]): void {
    this.announce(this.write(...items));
  }

  /** Another history: empty, and shorter or longer than the old one as is written next. */
  restore(epoch: string, n: number): void {
    this.#newest.clear();
    this.epoch = epoch;
    this.n = n;
    this.horizon = n;
  }

  async head(): Promise<Position> {
    return this.#position();
  }

  async changesAfter(n: number, limit: number): Promise<FeedPage> {
    this.reads.push(`changesAfter ${n}`);
    const head = this.#position();
    if (n < this.horizon || n > this.n) return { kind: "horizon", head };
    const changes = [...this.#newest.values()].filter((change) => change.n > n).sort((a, b) => a.n - b.n);
    return { kind: "changes", changes: changes.slice(0, limit), head };
  }

  async snapshot(onChunk: (items: readonly FeedItem[]) => void): Promise<Position> {
    this.reads.push("snapshot");
    const head = this.#position();
    const items = [...this.#newest.values()].filter(({ value }) => value !== undefined);
    for (let at = 0; at < items.length; at += 7) onChunk(items.slice(at, at + 7));
    return head;
  }

  onChanges(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async compact(): Promise<void> {
    this.horizon = this.n;
    for (const [key, change] of this.#newest) if (change.value === undefined) this.#newest.delete(key);
  }

  #position(): Position {
    if (this.failure !== undefined) throw this.failure;
    return { epoch: this.epoch, n: this.n };
  }
}
