import type Database from "better-sqlite3";
import { serverLimits } from "../../../limits.ts";
import type { EntryRow, NodeRow, RowPosition, SnapshotChunk } from "../protocol.ts";
import { AuthorityTable } from "./authority-table.ts";
import { BundleTable } from "./bundle-table.ts";
import { entryColumns } from "./entry-table.ts";
import { FeedNumbers } from "./feed-numbers.ts";
import { nodeColumns } from "./node-table.ts";

/**
 * The whole state, a chunk at a time, in one read transaction of `db`. With a connection of its own writers go on
 * meanwhile; the write-ahead log keeps the old pages for it.
 */
export class SnapshotReader implements Disposable {
  readonly position: RowPosition;
  readonly #chunks: Iterator<SnapshotChunk, undefined>;
  readonly #end: () => void;

  constructor(db: Database.Database, end: () => void) {
    this.#end = end;
    const feed = new FeedNumbers(db);
    this.position = feed.position();
    this.#chunks = readChunks(db, feed);
  }

  /** `undefined` after the last one. */
  next(): SnapshotChunk | undefined {
    return this.#chunks.next().value;
  }

  [Symbol.dispose](): void {
    this.#end();
  }
}

function* readChunks(db: Database.Database, feed: FeedNumbers): Generator<SnapshotChunk, undefined> {
  const limit = serverLimits.storeSnapshotRows.value;
  const all = Number.MAX_SAFE_INTEGER;
  yield new BundleTable(db, feed).after(-1, all).map(({ item }) => item);
  yield new AuthorityTable(db, feed).after(-1, all).map(({ item }) => item);
  const nodes = db
    .prepare<[number, number], readonly [key: number, ...NodeRow]>(
      `SELECT key, ${nodeColumns} FROM attested_nodes WHERE key > ? ORDER BY key LIMIT ?`,
    )
    .raw();
  for (let last = -1, rows = nodes.all(last, limit); rows.length > 0; rows = nodes.all(last, limit)) {
    last = rows.at(-1)?.[0] ?? last;
    yield rows.map(([, ...row]) => ["node", row[0], row]);
  }
  const entries = db
    .prepare<[number, number], readonly [key: number, ...EntryRow]>(
      `SELECT key, ${entryColumns} FROM entries WHERE key > ? ORDER BY key LIMIT ?`,
    )
    .raw();
  for (let last = -1, rows = entries.all(last, limit); rows.length > 0; rows = entries.all(last, limit)) {
    last = rows.at(-1)?.[0] ?? last;
    yield rows.map(([, ...row]) => ["entry", row[0], row]);
  }
  return undefined;
}
