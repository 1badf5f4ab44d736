import type Database from "better-sqlite3";
import type { EntryRow, NodeRow, RowChange, RowFeedPage, RowItem } from "../protocol.ts";
import type { AuthorityTable } from "./authority-table.ts";
import type { BundleTable } from "./bundle-table.ts";
import { entryColumns } from "./entry-table.ts";
import type { FederationTable } from "./federation-table.ts";
import type { FeedNumbers } from "./feed-numbers.ts";
import { nodeColumns } from "./node-table.ts";

interface Tombstone {
  readonly n: number;
  readonly type: string;
  readonly object: string;
}

/** Tables of a few rows, which are read whole. */
interface SmallTables {
  readonly bundles: BundleTable;
  readonly authorities: AuthorityTable;
  readonly federations: FederationTable;
}

/** `changesAfter` and `compact`: the feed is the `n` of every row, merged with the tombstones. */
export class FeedReader {
  readonly #feed: FeedNumbers;
  readonly #bundles: BundleTable;
  readonly #authorities: AuthorityTable;
  readonly #federations: FederationTable;
  readonly #entries: Database.Statement<[number, number], readonly [...EntryRow, n: number]>;
  readonly #nodes: Database.Statement<[number, number], readonly [...NodeRow, n: number]>;
  readonly #tombstones: Database.Statement<[number, number], Tombstone>;
  readonly #newestBefore: Database.Statement<[number], number | null>;
  readonly #drop: Database.Statement<[number]>;
  readonly #raise: Database.Statement<[number]>;

  constructor(db: Database.Database, feed: FeedNumbers, { bundles, authorities, federations }: SmallTables) {
    this.#feed = feed;
    this.#federations = federations;
    this.#bundles = bundles;
    this.#authorities = authorities;
    this.#entries = db
      .prepare<[number, number], readonly [...EntryRow, n: number]>(
        `SELECT ${entryColumns}, n FROM entries WHERE n > ? ORDER BY n LIMIT ?`,
      )
      .raw();
    this.#nodes = db
      .prepare<[number, number], readonly [...NodeRow, n: number]>(
        `SELECT ${nodeColumns}, n FROM attested_nodes WHERE n > ? ORDER BY n LIMIT ?`,
      )
      .raw();
    this.#tombstones = db.prepare("SELECT n, type, object FROM tombstones WHERE n > ? ORDER BY n LIMIT ?");
    this.#newestBefore = db.prepare<[number], number | null>("SELECT max(n) FROM tombstones WHERE at_ms < ?").pluck();
    this.#drop = db.prepare("DELETE FROM tombstones WHERE n <= ?");
    this.#raise = db.prepare("UPDATE feed SET horizon = max(horizon, ?)");
  }

  after(n: number, limit: number): RowFeedPage {
    const { epoch, head, horizon } = this.#feed.stored();
    const position = { epoch, n: head };
    // Beyond the head is a position of another history: only a snapshot helps.
    if (n < horizon || n > head) return { kind: "horizon", head: position };
    const changes = [
      ...this.#entries.all(n, limit).map(entryChange),
      ...this.#nodes.all(n, limit).map(nodeChange),
      ...this.#bundles.after(n, limit),
      ...this.#authorities.after(n, limit),
      ...this.#federations.changesAfter(n, limit),
      ...this.#tombstones.all(n, limit).map(tombstoneChange),
    ];
    changes.sort((left, right) => left.n - right.n);
    return { kind: "changes", changes: changes.slice(0, limit), head: position };
  }

  compact(beforeMs: number): void {
    const newest = this.#newestBefore.get(beforeMs);
    if (newest === undefined || newest === null) return;
    this.#drop.run(newest);
    this.#raise.run(newest);
  }
}

function entryChange(row: readonly [...EntryRow, n: number]): RowChange {
  const [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, n] = row;
  return { n, item: ["entry", a, [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q]] };
}

function nodeChange(row: readonly [...NodeRow, n: number]): RowChange {
  const [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = row;
  return { n, item: ["node", a, [a, b, c, d, e, f, g, h, i, j, k, l, m]] };
}

function tombstoneChange({ n, type, object }: Tombstone): RowChange {
  return { n, item: tombstoneItem(type, object) };
}

function tombstoneItem(type: string, object: string): RowItem {
  switch (type) {
    case "entry":
    case "node":
    case "bundle":
    case "federation":
    case "authority":
      return [type, object, null];
    default:
      throw new Error(`a tombstone of unknown type ${type}`);
  }
}
