import type Database from "better-sqlite3";
import type { SvidUse } from "../../ports.ts";
import type { Bit, Changed, NodeRow, RowChange } from "../protocol.ts";
import type { FeedNumbers } from "./feed-numbers.ts";

/** The columns of a NodeRow, in its order. */
export const nodeColumns = `id, attestation_type, selectors, serial_number, expires_at, pending_serial_number,
  pending_expires_at, banned, can_reattest, agent_version, authority_id, seen_at, syncs`;

export class NodeTable {
  readonly #feed: FeedNumbers;
  readonly #byId: Database.Statement<[string], NodeRow>;
  readonly #upsert: Database.Statement<unknown[]>;
  readonly #delete: Database.Statement<[string]>;

  constructor(db: Database.Database, feed: FeedNumbers) {
    this.#feed = feed;
    this.#byId = db.prepare<[string], NodeRow>(`SELECT ${nodeColumns} FROM attested_nodes WHERE id = ?`).raw();
    this.#upsert = db.prepare(
      `INSERT INTO attested_nodes (${nodeColumns}, n) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET attestation_type = excluded.attestation_type, selectors = excluded.selectors,
         serial_number = excluded.serial_number, expires_at = excluded.expires_at,
         pending_serial_number = excluded.pending_serial_number, pending_expires_at = excluded.pending_expires_at,
         banned = excluded.banned, can_reattest = excluded.can_reattest, agent_version = excluded.agent_version,
         authority_id = excluded.authority_id, seen_at = excluded.seen_at, syncs = excluded.syncs, n = excluded.n`,
    );
    this.#delete = db.prepare("DELETE FROM attested_nodes WHERE id = ?");
  }

  find(id: string): NodeRow | undefined {
    return this.#byId.get(id);
  }

  /** What is known of the agent beside its SVID outlives a new attestation: SPIRE's agents tell their version only at start. */
  attested(row: NodeRow, before: NodeRow | undefined): RowChange {
    if (before === undefined) return this.#put(row);
    return this.#put(withParts(row, { syncs: before[12], version: row[9] === "" ? before[9] : row[9] }));
  }

  #put(row: NodeRow): RowChange {
    const n = this.#feed.next("node", row[0], true);
    this.#upsert.run(...row, n);
    return { n, item: ["node", row[0], row] };
  }

  setPendingSerial(
    id: string,
    current: string,
    pendingSerial: string,
    pendingExpiresAt: number,
    use: SvidUse,
  ): Changed<boolean> {
    const row = this.#byId.get(id);
    if (row === undefined || row[7] === 1) return unchanged(false);
    if (current === "" || (current !== row[3] && current !== row[5])) return unchanged(false);
    // Renewing with the pending SVID is a use of it.
    const used = current === row[3] ? row : promoted(row, use);
    return this.#changed(withParts(used, { pendingSerial, pendingExpiresAt }));
  }

  promoteSerial(id: string, serial: string, use: SvidUse): Changed<boolean> {
    const row = this.#byId.get(id);
    if (row === undefined || row[7] === 1 || serial === "") return unchanged(false);
    if (serial === row[3]) return unchanged(true);
    return serial === row[5] ? this.#changed(promoted(row, use)) : unchanged(false);
  }

  ban(id: string): Changed<boolean> {
    const row = this.#byId.get(id);
    if (row === undefined) return unchanged(false);
    if (row[7] === 1) return unchanged(true);
    return this.#changed(withParts(row, { serial: "", pendingSerial: "", pendingExpiresAt: 0, banned: 1 }));
  }

  setAgentVersion(id: string, version: string, syncs: boolean): Changed<boolean> {
    const row = this.#byId.get(id);
    if (row === undefined) return unchanged(false);
    if (row[9] === version && (row[12] === 1 || !syncs)) return unchanged(true);
    return this.#changed(withParts(row, { version, ...(syncs ? { syncs: 1 } : {}) }));
  }

  delete(id: string, nowMs: number): RowChange | undefined {
    if (this.#delete.run(id).changes === 0) return undefined;
    return this.#feed.buried(["node", id, null], nowMs);
  }

  #changed(row: NodeRow): Changed<boolean> {
    return { value: true, changes: [this.#put(row)] };
  }
}

function unchanged(value: boolean): Changed<boolean> {
  return { value, changes: [] };
}

function promoted(row: NodeRow, { authorityId, seenAt }: SvidUse): NodeRow {
  const [, , , , , serial, expiresAt] = row;
  return withParts(row, { serial, expiresAt, pendingSerial: "", pendingExpiresAt: 0, authorityId, seenAt });
}

interface NodeParts {
  readonly serial?: string;
  readonly expiresAt?: number;
  readonly pendingSerial?: string;
  readonly pendingExpiresAt?: number;
  readonly banned?: Bit;
  readonly version?: string;
  readonly authorityId?: string;
  readonly seenAt?: number;
  readonly syncs?: Bit;
}

function withParts(row: NodeRow, parts: NodeParts): NodeRow {
  const [id, type, selectors, serial, expiresAt, pending, pendingExpiresAt, banned, canReattest, version] = row;
  const [, , , , , , , , , , authorityId, seenAt, syncs] = row;
  return [
    ...([id, type, selectors, parts.serial ?? serial, parts.expiresAt ?? expiresAt] as const),
    ...([parts.pendingSerial ?? pending, parts.pendingExpiresAt ?? pendingExpiresAt] as const),
    ...([parts.banned ?? banned, canReattest, parts.version ?? version] as const),
    ...([parts.authorityId ?? authorityId, parts.seenAt ?? seenAt, parts.syncs ?? syncs] as const),
  ];
}
