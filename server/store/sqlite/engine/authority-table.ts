import type Database from "better-sqlite3";
import { serverLimits } from "../../../limits.ts";
import type { AuthorityRow, RowChange } from "../protocol.ts";
import type { FeedNumbers } from "./feed-numbers.ts";

interface Head {
  readonly key: number;
  readonly kind: string;
  readonly id: string;
  readonly n: number;
  readonly server_id: string;
  readonly state: string;
  readonly key_id: string;
  readonly public_key: Uint8Array;
  readonly upstream_id: string;
  readonly issued_at: number;
  readonly not_after: number;
  readonly changed_at: number;
}

type Role = "chain" | "anchor";

export class AuthorityTable {
  readonly #feed: FeedNumbers;
  readonly #all: Database.Statement<[], Head>;
  readonly #after: Database.Statement<[number, number], Head>;
  readonly #byId: Database.Statement<[string, string], Head>;
  readonly #put: Database.Statement<unknown[], number>;
  readonly #delete: Database.Statement<[string, string]>;
  readonly #server: Database.Statement<[string, number]>;
  readonly #certificates: Database.Statement<[number, Role], Uint8Array>;
  readonly #dropCertificates: Database.Statement<[number]>;
  readonly #addCertificate: Database.Statement<[number, Role, Uint8Array]>;
  readonly #record: Database.Statement<unknown[]>;
  readonly #trim: Database.Statement<[number]>;

  constructor(db: Database.Database, feed: FeedNumbers) {
    this.#feed = feed;
    this.#all = db.prepare("SELECT * FROM authorities ORDER BY kind, issued_at, id");
    this.#after = db.prepare("SELECT * FROM authorities WHERE n > ? ORDER BY n LIMIT ?");
    this.#byId = db.prepare("SELECT * FROM authorities WHERE kind = ? AND id = ?");
    this.#put = db
      .prepare<unknown[], number>(
        `INSERT INTO authorities (kind, id, server_id, state, key_id, public_key, upstream_id, issued_at, not_after,
           changed_at, n)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (kind, id) DO UPDATE SET server_id = excluded.server_id, state = excluded.state,
           key_id = excluded.key_id, public_key = excluded.public_key, upstream_id = excluded.upstream_id,
           issued_at = excluded.issued_at, not_after = excluded.not_after, changed_at = excluded.changed_at,
           n = excluded.n
         RETURNING key`,
      )
      .pluck();
    this.#delete = db.prepare("DELETE FROM authorities WHERE kind = ? AND id = ?");
    this.#server = db.prepare("INSERT INTO servers (id, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING");
    this.#certificates = db
      .prepare<[number, Role], Uint8Array>(
        "SELECT certificate FROM authority_certificates WHERE authority = ? AND role = ? ORDER BY key",
      )
      .pluck();
    this.#dropCertificates = db.prepare("DELETE FROM authority_certificates WHERE authority = ?");
    this.#addCertificate = db.prepare(
      "INSERT INTO authority_certificates (authority, role, certificate) VALUES (?, ?, ?)",
    );
    this.#record = db.prepare(
      `INSERT INTO authority_journal (n, kind, id, server_id, state, key_id, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#trim = db.prepare("DELETE FROM authority_journal WHERE key <= (SELECT max(key) FROM authority_journal) - ?");
  }

  list(): readonly AuthorityRow[] {
    return this.#all.all().map((head) => this.#row(head));
  }

  after(n: number, limit: number): readonly RowChange[] {
    return this.#after.all(n, limit).map((head) => {
      return { n: head.n, item: ["authority", `${head.kind}/${head.id}`, this.#row(head)] };
    });
  }

  put(row: AuthorityRow, nowMs: number): RowChange {
    const [kind, id, serverId, state, keyId, publicKey, upstreamId, issuedAt, notAfter, changedAt, chain, anchors] =
      row;
    const key = `${kind}/${id}`;
    this.#server.run(serverId, Math.floor(nowMs / 1000));
    const n = this.#feed.next("authority", key, true);
    const rowKey = this.#put.get(
      ...[kind, id, serverId, state, keyId, publicKey, upstreamId, issuedAt, notAfter, changedAt, n],
    );
    if (rowKey === undefined) throw new Error("the authority was not stored");
    this.#dropCertificates.run(rowKey);
    for (const der of chain) this.#addCertificate.run(rowKey, "chain", der);
    for (const der of anchors) this.#addCertificate.run(rowKey, "anchor", der);
    this.#journal(n, kind, id, serverId, state, keyId, nowMs);
    return { n, item: ["authority", key, row] };
  }

  /** `undefined` when there is no such record. */
  remove(key: string, nowMs: number): RowChange | undefined {
    const slash = key.indexOf("/");
    const [kind, id] = [key.slice(0, slash), key.slice(slash + 1)];
    const head = this.#byId.get(kind, id);
    if (head === undefined) return undefined;
    this.#delete.run(kind, id);
    const change = this.#feed.buried(["authority", key, null], nowMs);
    this.#journal(change.n, kind, id, head.server_id, "removed", head.key_id, nowMs);
    return change;
  }

  #journal(
    ...record: [n: number, kind: string, id: string, server: string, state: string, key: string, at: number]
  ): void {
    this.#record.run(...record);
    this.#trim.run(serverLimits.authorityJournalRows.value);
  }

  #row(head: Head): AuthorityRow {
    return [
      head.kind,
      head.id,
      head.server_id,
      head.state,
      head.key_id,
      head.public_key,
      head.upstream_id,
      head.issued_at,
      head.not_after,
      head.changed_at,
      this.#certificates.all(head.key, "chain"),
      this.#certificates.all(head.key, "anchor"),
    ];
  }
}
