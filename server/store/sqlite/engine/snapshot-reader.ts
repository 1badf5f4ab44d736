import type Database from "better-sqlite3";
import { serverLimits } from "../../../limits.ts";
import type { EntryRow, NodeRow, RowPosition, SnapshotChunk } from "../protocol.ts";
import { AuthorityTable } from "./authority-table.ts";
import { BundleTable } from "./bundle-table.ts";
import { entryColumns } from "./entry-table.ts";
import { FederationTable } from "./federation-table.ts";
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
  yield { type: "bundle", rows: new BundleTable(db, feed).list() };
  yield { type: "federation", rows: new FederationTable(db, feed).list() };
  yield { type: "authority", rows: new AuthorityTable(db, feed).list() };
  const limit = serverLimits.storeSnapshotRows.value;
  const nodes = db
    .prepare<[number, number], readonly [...NodeRow, key: number]>(
      `SELECT ${nodeColumns}, key FROM attested_nodes WHERE key > ? ORDER BY key LIMIT ?`,
    )
    .raw();
  for (let last = -1, rows = nodes.all(last, limit); rows.length > 0; rows = nodes.all(last, limit)) {
    last = rows.at(-1)?.[13] ?? last;
    yield { type: "node", rows };
  }
  const entries = db
    .prepare<[number, number], readonly [...EntryRow, key: number]>(
      `SELECT ${entryColumns}, key FROM entries WHERE key > ? ORDER BY key LIMIT ?`,
    )
    .raw();
  for (let last = -1, rows = entries.all(last, limit); rows.length > 0; rows = entries.all(last, limit)) {
    last = rows.at(-1)?.[16] ?? last;
    yield { type: "entry", rows };
  }
  return undefined;
}
