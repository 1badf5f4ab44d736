import { hash } from "node:crypto";
import type Database from "better-sqlite3";

/** Tokens are kept as hashes: whoever reads a backup cannot attest with them. */
export class JoinTokenTable {
  readonly #insert: Database.Statement<[Buffer, number, string | null]>;
  readonly #find: Database.Statement<[Buffer], number>;
  readonly #consume: Database.Statement<[Buffer, number]>;
  readonly #expire: Database.Statement<[number], string | null>;

  constructor(db: Database.Database) {
    this.#insert = db.prepare(
      "INSERT INTO join_tokens (value_sha256, expires_at, alias_entry_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    );
    this.#find = db.prepare<[Buffer], number>("SELECT expires_at FROM join_tokens WHERE value_sha256 = ?").pluck();
    this.#consume = db.prepare("DELETE FROM join_tokens WHERE value_sha256 = ? AND expires_at > ?");
    this.#expire = db
      .prepare<[number], string | null>("DELETE FROM join_tokens WHERE expires_at <= ? RETURNING alias_entry_id")
      .pluck();
  }

  /** False when the value exists. */
  insert(value: string, expiresAt: number, aliasEntryId: string | null): boolean {
    return this.#insert.run(digest(value), expiresAt, aliasEntryId).changes === 1;
  }

  expiresAt(value: string): number | undefined {
    return this.#find.get(digest(value));
  }

  /** Still there and not expired. Uses nothing up. */
  isUsable(value: string, nowSeconds: number): boolean {
    const expiresAt = this.expiresAt(value);
    return expiresAt !== undefined && expiresAt > nowSeconds;
  }

  /** True for exactly one caller per token: the one whose DELETE removed the row. */
  consume(value: string, nowSeconds: number): boolean {
    return this.#consume.run(digest(value), nowSeconds).changes === 1;
  }

  /** Removes expired tokens; returns the alias entry of each. */
  deleteExpired(nowSeconds: number): readonly (string | null)[] {
    return this.#expire.all(nowSeconds);
  }
}

function digest(value: string): Buffer {
  return hash("sha256", value, "buffer");
}
