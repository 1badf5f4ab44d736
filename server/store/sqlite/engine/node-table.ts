import type Database from "better-sqlite3";
import type { Changed, NodeRow, RowChange } from "../protocol.ts";
import type { FeedNumbers } from "./feed-numbers.ts";

/** The columns of a NodeRow, in its order. */
export const nodeColumns = `id, attestation_type, selectors, serial_number, expires_at, pending_serial_number,
  pending_expires_at, banned, can_reattest, agent_version`;

export class NodeTable {
  readonly #feed: FeedNumbers;
  readonly #byId: Database.Statement<[string], NodeRow>;
  readonly #put: Database.Statement<unknown[]>;
  readonly #delete: Database.Statement<[string]>;

  constructor(db: Database.Database, feed: FeedNumbers) {
    this.#feed = feed;
    this.#byId = db.prepare<[string], NodeRow>(`SELECT ${nodeColumns} FROM attested_nodes WHERE id = ?`).raw();
    this.#put = db.prepare(
      `INSERT INTO attested_nodes (${nodeColumns}, n) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET attestation_type = excluded.attestation_type, selectors = excluded.selectors,
         serial_number = excluded.serial_number, expires_at = excluded.expires_at,
         pending_serial_number = excluded.pending_serial_number, pending_expires_at = excluded.pending_expires_at,
         banned = excluded.banned, can_reattest = excluded.can_reattest, agent_version = excluded.agent_version,
         n = excluded.n`,
    );
    this.#delete = db.prepare("DELETE FROM attested_nodes WHERE id = ?");
  }

  find(id: string): NodeRow | undefined {
    return this.#byId.get(id);
  }

  put(row: NodeRow): RowChange {
    const n = this.#feed.next("node", row[0], true);
    this.#put.run(...row, n);
    return { n, item: ["node", row[0], row] };
  }

  setPendingSerial(id: string, current: string, pending: string, pendingExpiresAt: number): Changed<boolean> {
    const row = this.#byId.get(id);
    if (row === undefined || row[7] === 1) return unchanged(false);
    if (current === "" || (current !== row[3] && current !== row[5])) return unchanged(false);
    // Renewing with the pending SVID is a use of it.
    const used = current === row[3] ? row : promoted(row);
    const [, type, selectors, serial, expiresAt, , , banned, canReattest, version] = used;
    return this.#changed([
      ...([id, type, selectors, serial, expiresAt] as const),
      ...([pending, pendingExpiresAt, banned, canReattest, version] as const),
    ]);
  }

  promoteSerial(id: string, serial: string): Changed<boolean> {
    const row = this.#byId.get(id);
    if (row === undefined || row[7] === 1 || serial === "") return unchanged(false);
    if (serial === row[3]) return unchanged(true);
    return serial === row[5] ? this.#changed(promoted(row)) : unchanged(false);
  }

  ban(id: string): Changed<boolean> {
    const row = this.#byId.get(id);
    if (row === undefined) return unchanged(false);
    if (row[7] === 1) return unchanged(true);
    const [, type, selectors, , expiresAt, , , , canReattest, version] = row;
    return this.#changed([id, type, selectors, "", expiresAt, "", 0, 1, canReattest, version]);
  }

  setAgentVersion(id: string, version: string): Changed<boolean> {
    const row = this.#byId.get(id);
    if (row === undefined) return unchanged(false);
    if (row[9] === version) return unchanged(true);
    const [, type, selectors, serial, expiresAt, pending, pendingExpiresAt, banned, canReattest] = row;
    return this.#changed([
      ...([id, type, selectors, serial, expiresAt] as const),
      ...([pending, pendingExpiresAt, banned, canReattest, version] as const),
    ]);
  }

  delete(id: string, nowMs: number): RowChange | undefined {
    if (this.#delete.run(id).changes === 0) return undefined;
    return this.#feed.buried(["node", id, null], nowMs);
  }

  #changed(row: NodeRow): Changed<boolean> {
    return { value: true, changes: [this.put(row)] };
  }
}

function unchanged(value: boolean): Changed<boolean> {
  return { value, changes: [] };
}

function promoted(row: NodeRow): NodeRow {
  const [id, type, selectors, , , pending, pendingExpiresAt, banned, canReattest, version] = row;
  return [id, type, selectors, pending, pendingExpiresAt, "", 0, banned, canReattest, version];
}
