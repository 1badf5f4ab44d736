import type Database from "better-sqlite3";
import type { RowChange, RowItem, RowPosition, RowType } from "../protocol.ts";

/**
 * The one counter row. Within a transaction numbers are drawn in memory and the row is written once, last; a
 * savepoint that is rolled back gives its numbers back. So numbers appear in commit order without gaps.
 */
export class FeedNumbers {
  readonly #read: Database.Statement<[], { epoch: string; head: number; horizon: number }>;
  readonly #write: Database.Statement<[number]>;
  readonly #bury: Database.Statement<[number, RowType, string, number]>;
  readonly #unbury: Database.Statement<[RowType, string]>;
  #head = 0;
  #stored = 0;

  constructor(db: Database.Database) {
    this.#read = db.prepare("SELECT epoch, head, horizon FROM feed");
    this.#write = db.prepare("UPDATE feed SET head = ?");
    this.#bury = db.prepare(
      "INSERT INTO tombstones (n, type, object, at_ms) VALUES (?, ?, ?, ?) " +
        "ON CONFLICT (type, object) DO UPDATE SET n = excluded.n, at_ms = excluded.at_ms",
    );
    this.#unbury = db.prepare("DELETE FROM tombstones WHERE type = ? AND object = ?");
  }

  /** After `BEGIN IMMEDIATE`: nobody else can draw numbers until the transaction ends. */
  begin(): void {
    this.#head = this.stored().head;
    this.#stored = this.#head;
  }

  /** For a savepoint: what to give to `rollbackTo`. */
  get mark(): number {
    return this.#head;
  }

  rollbackTo(mark: number): void {
    this.#head = mark;
  }

  /** Before `COMMIT`. */
  finish(): void {
    if (this.#head !== this.#stored) this.#write.run(this.#head);
  }

  /** The number for a new or changed object. `isNew`: its key may have a tombstone. */
  next(type: RowType, key: string, isNew: boolean): number {
    if (isNew) this.#unbury.run(type, key);
    this.#head += 1;
    return this.#head;
  }

  /** The change for an object that was deleted. */
  buried(item: RowItem, atMs: number): RowChange {
    this.#head += 1;
    this.#bury.run(this.#head, item[0], item[1], atMs);
    return { n: this.#head, item };
  }

  stored(): { readonly epoch: string; readonly head: number; readonly horizon: number } {
    const row = this.#read.get();
    if (row === undefined) throw new Error("the feed row is missing");
    return row;
  }

  position(): RowPosition {
    const { epoch, head } = this.stored();
    return { epoch, n: head };
  }
}
