import type Database from "better-sqlite3";
import type { FederationRow, RowChange } from "../protocol.ts";
import type { FeedNumbers } from "./feed-numbers.ts";

/** The columns of a FederationRow, in its order. */
const columns = "trust_domain, bundle_endpoint_url, profile, endpoint_spiffe_id";

export class FederationTable {
  readonly #feed: FeedNumbers;
  readonly #byTrustDomain: Database.Statement<[string], FederationRow>;
  readonly #after: Database.Statement<[number, number], readonly [...FederationRow, n: number]>;
  readonly #put: Database.Statement<unknown[]>;
  readonly #delete: Database.Statement<[string]>;

  constructor(db: Database.Database, feed: FeedNumbers) {
    this.#feed = feed;
    this.#byTrustDomain = db
      .prepare<[string], FederationRow>(`SELECT ${columns} FROM federation_relationships WHERE trust_domain = ?`)
      .raw();
    this.#after = db
      .prepare<[number, number], readonly [...FederationRow, n: number]>(
        `SELECT ${columns}, n FROM federation_relationships WHERE n > ? ORDER BY n LIMIT ?`,
      )
      .raw();
    this.#put = db.prepare(
      `INSERT INTO federation_relationships (${columns}, n) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (trust_domain) DO UPDATE SET bundle_endpoint_url = excluded.bundle_endpoint_url,
         profile = excluded.profile, endpoint_spiffe_id = excluded.endpoint_spiffe_id, n = excluded.n`,
    );
    this.#delete = db.prepare("DELETE FROM federation_relationships WHERE trust_domain = ?");
  }

  find(trustDomain: string): FederationRow | undefined {
    return this.#byTrustDomain.get(trustDomain);
  }

  list(): readonly FederationRow[] {
    return this.#rowsAfter(-1, Number.MAX_SAFE_INTEGER).map(({ row }) => row);
  }

  changesAfter(n: number, limit: number): readonly RowChange[] {
    return this.#rowsAfter(n, limit).map(({ row, n: own }) => ({ n: own, item: ["federation", row[0], row] }));
  }

  /** Inserts or replaces. */
  put(row: FederationRow): RowChange {
    const n = this.#feed.next("federation", row[0], true);
    this.#put.run(...row, n);
    return { n, item: ["federation", row[0], row] };
  }

  /** The tombstone, or `undefined` when there is no such relationship. */
  delete(trustDomain: string, nowMs: number): RowChange | undefined {
    if (this.#delete.run(trustDomain).changes === 0) return undefined;
    return this.#feed.buried(["federation", trustDomain, null], nowMs);
  }

  #rowsAfter(n: number, limit: number): readonly { readonly row: FederationRow; readonly n: number }[] {
    return this.#after.all(n, limit).map(([a, b, c, d, own]) => ({ row: [a, b, c, d], n: own }));
  }
}
