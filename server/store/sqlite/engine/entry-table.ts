import type Database from "better-sqlite3";
import type { CreateEntryAnswer, EntryRow, EntryRowChange, RowChange, UpdateEntryAnswer } from "../protocol.ts";
import type { FeedNumbers } from "./feed-numbers.ts";

/** The columns of an EntryRow, in its order. */
export const entryColumns = `id, spiffe_id, parent_id, selectors, x509_svid_ttl, jwt_svid_ttl,
  CASE WHEN federates = 0 THEN '[]' ELSE (
    SELECT json_group_array(trust_domain) FROM (
      SELECT trust_domain FROM entry_federations WHERE entry = entries.key ORDER BY trust_domain
    )
  ) END,
  admin, downstream, expires_at, dns_names, revision_number, store_svid, hint, created_at, additional_attributes`;

/**
 * 53 bits that equal entries share (cyrb53). It only leads to candidates, whose columns are then compared; so it need
 * not resist collisions, but it is stored and must never change.
 */
function similarHash(spiffeId: string, parentId: string, selectors: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (const text of [spiffeId, parentId, selectors]) {
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      high = Math.imul(high ^ code, 2654435761);
      low = Math.imul(low ^ code, 1597334677);
    }
    high = Math.imul(high ^ 0x10000, 2654435761);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

export class EntryTable {
  readonly #feed: FeedNumbers;
  readonly #byId: Database.Statement<[string], EntryRow>;
  readonly #similar: Database.Statement<[number, string, string, string], EntryRow>;
  readonly #insert: Database.Statement<unknown[]>;
  readonly #update: Database.Statement<unknown[]>;
  readonly #delete: Database.Statement<[string]>;
  readonly #keyOf: Database.Statement<[string], number>;
  readonly #bundleExists: Database.Statement<[string], number>;
  readonly #federate: Database.Statement<[number | bigint, string]>;
  readonly #unfederate: Database.Statement<[number]>;
  readonly #expired: Database.Statement<[number], string>;
  readonly #aliasesOf: Database.Statement<[string, string], string>;
  readonly #federating: Database.Statement<[string], string>;

  constructor(db: Database.Database, feed: FeedNumbers) {
    this.#feed = feed;
    this.#byId = db.prepare<[string], EntryRow>(`SELECT ${entryColumns} FROM entries WHERE id = ?`).raw();
    // No ORDER BY: the index yields the oldest first anyway, and with it SQLite prepares the statement for each run.
    this.#similar = db
      .prepare<[number, string, string, string], EntryRow>(
        `SELECT ${entryColumns} FROM entries
         WHERE similar_hash = ? AND spiffe_id = ? AND parent_id = ? AND selectors = ?`,
      )
      .raw();
    this.#insert = db.prepare(
      `INSERT INTO entries (id, spiffe_id, parent_id, selectors, x509_svid_ttl, jwt_svid_ttl, federates, admin,
         downstream, expires_at, dns_names, revision_number, store_svid, hint, created_at, additional_attributes,
         similar_hash, n)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = db.prepare(
      `UPDATE entries SET spiffe_id = ?, parent_id = ?, selectors = ?, x509_svid_ttl = ?, jwt_svid_ttl = ?,
         federates = ?, admin = ?, downstream = ?, expires_at = ?, dns_names = ?, revision_number = ?, store_svid = ?,
         hint = ?, additional_attributes = ?, similar_hash = ?, n = ?
       WHERE id = ?`,
    );
    this.#delete = db.prepare("DELETE FROM entries WHERE id = ?");
    this.#keyOf = db.prepare<[string], number>("SELECT key FROM entries WHERE id = ?").pluck();
    this.#bundleExists = db.prepare<[string], number>("SELECT 1 FROM bundles WHERE trust_domain = ?").pluck();
    this.#federate = db.prepare("INSERT INTO entry_federations (entry, trust_domain) VALUES (?, ?)");
    this.#unfederate = db.prepare("DELETE FROM entry_federations WHERE entry = ?");
    this.#expired = db
      .prepare<[number], string>("SELECT id FROM entries WHERE expires_at > 0 AND expires_at <= ? ORDER BY key")
      .pluck();
    // The substr term is what lets SQLite use the partial index.
    this.#aliasesOf = db
      .prepare<[string, string], string>(
        `SELECT id FROM entries
         WHERE parent_id = ? AND substr(selectors, 1, 12) = '["spiffe_id:' AND selectors = ? ORDER BY key`,
      )
      .pluck();
    this.#federating = db
      .prepare<[string], string>(
        `SELECT entries.id FROM entry_federations JOIN entries ON entries.key = entry_federations.entry
         WHERE trust_domain = ? ORDER BY entries.key`,
      )
      .pluck();
  }

  /** Ids of the entries that federate with a trust domain. */
  federatingWith(trustDomain: string): readonly string[] {
    return this.#federating.all(trustDomain);
  }

  /** Takes a trust domain out of those that the entry federates with. */
  dissociate(id: string, trustDomain: string): RowChange {
    const stored = this.#byId.get(id);
    const rest = parseNames(stored?.[6] ?? "[]").filter((name) => name !== trustDomain);
    const updated = this.update(id, { federatesWith: JSON.stringify(rest) });
    if (updated.kind !== "updated") throw new Error("an entry that federates vanished");
    return { n: updated.n, item: ["entry", id, updated.row] };
  }

  find(id: string): EntryRow | undefined {
    return this.#byId.get(id);
  }

  create(row: EntryRow): CreateEntryAnswer {
    const [id, spiffeId, parentId, selectors, x509SvidTtl, jwtSvidTtl, federatesWith, ...rest] = row;
    const hashed = similarHash(spiffeId, parentId, selectors);
    const similar = this.#similar.get(hashed, spiffeId, parentId, selectors);
    if (similar !== undefined) return { kind: "similar", row: similar };
    const taken = this.#byId.get(id);
    if (taken !== undefined) return { kind: "id-taken", row: taken };
    const trustDomains = parseNames(federatesWith);
    const missing = this.#missingBundle(trustDomains);
    if (missing !== undefined) return { kind: "no-bundle", trustDomain: missing };
    const n = this.#feed.next("entry", id, true);
    const federates = trustDomains.length > 0 ? 1 : 0;
    const { lastInsertRowid } = this.#insert.run(
      id,
      spiffeId,
      parentId,
      selectors,
      x509SvidTtl,
      jwtSvidTtl,
      federates,
      ...rest,
      hashed,
      n,
    );
    for (const trustDomain of trustDomains) this.#federate.run(lastInsertRowid, trustDomain);
    return { kind: "created", n };
  }

  update(id: string, change: EntryRowChange): UpdateEntryAnswer {
    const stored = this.#byId.get(id);
    const key = this.#keyOf.get(id);
    if (stored === undefined || key === undefined) return { kind: "not-found" };
    const row = changedRow(stored, change);
    const trustDomains = parseNames(row[6]);
    const missing = this.#missingBundle(trustDomains);
    if (missing !== undefined) return { kind: "no-bundle", trustDomain: missing };
    const n = this.#feed.next("entry", id, false);
    const [, spiffeId, parentId, selectors, x509SvidTtl, jwtSvidTtl, , admin, downstream, expiresAt, dnsNames] = row;
    const [, , , , , , , , , , , revisionNumber, storeSvid, hint, , attributes] = row;
    const hashed = similarHash(spiffeId, parentId, selectors);
    this.#update.run(
      ...[spiffeId, parentId, selectors, x509SvidTtl, jwtSvidTtl, trustDomains.length > 0 ? 1 : 0, admin, downstream],
      ...[expiresAt, dnsNames, revisionNumber, storeSvid, hint, attributes, hashed, n, id],
    );
    if (row[6] !== stored[6]) {
      this.#unfederate.run(key);
      for (const trustDomain of trustDomains) this.#federate.run(key, trustDomain);
    }
    return { kind: "updated", n, row };
  }

  /** The tombstone, or `undefined` when there is no such entry. */
  delete(id: string, nowMs: number): RowChange | undefined {
    if (this.#delete.run(id).changes === 0) return undefined;
    return this.#feed.buried(["entry", id, null], nowMs);
  }

  deleteExpired(nowSeconds: number, nowMs: number): readonly RowChange[] {
    return this.#deleteAll(this.#expired.all(nowSeconds), nowMs);
  }

  /** The entries that a join token's creation made for `agentId`. */
  deleteAliasesOf(agentId: string, nowMs: number): readonly RowChange[] {
    return this.#deleteAll(this.#aliasesOf.all(agentId, JSON.stringify([`spiffe_id:${agentId}`])), nowMs);
  }

  #deleteAll(ids: readonly string[], nowMs: number): readonly RowChange[] {
    return ids.flatMap((id) => this.delete(id, nowMs) ?? []);
  }

  #missingBundle(trustDomains: readonly string[]): string | undefined {
    return trustDomains.find((name) => this.#bundleExists.get(name) === undefined);
  }
}

function parseNames(json: string): readonly string[] {
  if (json === "[]") return [];
  const names: unknown = JSON.parse(json);
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}

function changedRow(row: EntryRow, change: EntryRowChange): EntryRow {
  return [
    row[0],
    change.spiffeId ?? row[1],
    change.parentId ?? row[2],
    change.selectors ?? row[3],
    change.x509SvidTtl ?? row[4],
    change.jwtSvidTtl ?? row[5],
    change.federatesWith ?? row[6],
    change.admin ?? row[7],
    change.downstream ?? row[8],
    change.expiresAt ?? row[9],
    change.dnsNames ?? row[10],
    row[11] + 1,
    change.storeSvid ?? row[12],
    change.hint ?? row[13],
    row[14],
    change.additionalAttributes === undefined ? row[15] : change.additionalAttributes,
  ];
}
