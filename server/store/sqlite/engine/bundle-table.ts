import type Database from "better-sqlite3";
import type { BundleRow, BundleRowEdit, JwtAuthorityRow, RowChange, X509AuthorityRow } from "../protocol.ts";
import type { FeedNumbers } from "./feed-numbers.ts";

interface Head {
  readonly key: number;
  readonly trust_domain: string;
  readonly n: number;
  readonly sequence_number: string | null;
  readonly refresh_hint: number | null;
}

export class BundleTable {
  readonly #feed: FeedNumbers;
  readonly #head: Database.Statement<[string], Head>;
  readonly #heads: Database.Statement<[number, number], Head>;
  readonly #x509: Database.Statement<[number], X509AuthorityRow>;
  readonly #jwt: Database.Statement<[number], JwtAuthorityRow>;
  readonly #create: Database.Statement<[string]>;
  readonly #touch: Database.Statement<[string, number, number]>;
  readonly #replaceHead: Database.Statement<[string | null, number | null, number, number]>;
  readonly #contents: BundleContents;
  readonly #delete: Database.Statement<[string]>;
  readonly #edits: EditStatements;

  constructor(db: Database.Database, feed: FeedNumbers) {
    this.#feed = feed;
    this.#head = db.prepare(
      "SELECT key, trust_domain, n, sequence_number, refresh_hint FROM bundles WHERE trust_domain = ?",
    );
    this.#heads = db.prepare(
      "SELECT key, trust_domain, n, sequence_number, refresh_hint FROM bundles WHERE n > ? ORDER BY n LIMIT ?",
    );
    this.#x509 = db
      .prepare<[number], X509AuthorityRow>(
        "SELECT certificate, subject_key_id, tainted FROM bundle_x509_authorities WHERE bundle = ? ORDER BY key",
      )
      .raw();
    this.#jwt = db
      .prepare<[number], JwtAuthorityRow>(
        "SELECT key_id, public_key, expires_at, tainted FROM bundle_jwt_authorities WHERE bundle = ? ORDER BY key",
      )
      .raw();
    // The placeholder number is replaced in the same transaction, before anybody can see it.
    this.#create = db.prepare(
      "INSERT INTO bundles (trust_domain, n, sequence_number, refresh_hint) VALUES (?, 0, '0', NULL)",
    );
    this.#touch = db.prepare("UPDATE bundles SET sequence_number = ?, n = ? WHERE key = ?");
    this.#replaceHead = db.prepare("UPDATE bundles SET sequence_number = ?, refresh_hint = ?, n = ? WHERE key = ?");
    this.#contents = prepareContents(db);
    this.#delete = db.prepare("DELETE FROM bundles WHERE trust_domain = ?");
    this.#edits = prepareEdits(db);
  }

  find(trustDomain: string): BundleRow | undefined {
    const head = this.#head.get(trustDomain);
    return head === undefined ? undefined : this.#row(head);
  }

  list(): readonly BundleRow[] {
    return this.#heads.all(-1, Number.MAX_SAFE_INTEGER).map((head) => this.#row(head));
  }

  after(n: number, limit: number): readonly RowChange[] {
    return this.#heads.all(n, limit).map((head) => {
      return { n: head.n, item: ["bundle", head.trust_domain, this.#row(head)] };
    });
  }

  /** Creates the bundle when missing. The sequence number grows by one when the edits changed something. */
  edit(
    trustDomain: string,
    edits: readonly BundleRowEdit[],
  ): { readonly row: BundleRow; readonly changes: readonly RowChange[] } {
    const found = this.#head.get(trustDomain);
    if (found === undefined) this.#create.run(trustDomain);
    const head = found ?? this.#head.get(trustDomain);
    if (head === undefined) throw new Error("the bundle row vanished");
    const changed = edits.map((edit) => this.#edits.apply(head.key, edit)).some((rows) => rows > 0);
    if (!changed && found !== undefined) return { row: this.#row(head), changes: [] };
    const sequence = (BigInt(head.sequence_number ?? "0") + (changed ? 1n : 0n)).toString();
    const n = this.#feed.next("bundle", trustDomain, found === undefined);
    this.#touch.run(sequence, n, head.key);
    const row = this.#row({ ...head, sequence_number: sequence });
    return { row, changes: [{ n, item: ["bundle", trustDomain, row] }] };
  }

  /** Inserts or replaces the whole bundle. `undefined` when it is stored just so already. */
  put(row: BundleRow): RowChange | undefined {
    const [trustDomain, sequenceNumber, refreshHint, x509, jwt] = row;
    const found = this.#head.get(trustDomain);
    if (found !== undefined && isSameBundle(this.#row(found), row)) return undefined;
    if (found === undefined) this.#create.run(trustDomain);
    const key = found?.key ?? this.#head.get(trustDomain)?.key;
    if (key === undefined) throw new Error("the bundle row vanished");
    this.#contents.replace(key, x509, jwt);
    const n = this.#feed.next("bundle", trustDomain, found === undefined);
    this.#replaceHead.run(sequenceNumber, refreshHint, n, key);
    return { n, item: ["bundle", trustDomain, row] };
  }

  /** The tombstone, or `undefined` when there is no such bundle. No entry may federate with it any more. */
  delete(trustDomain: string, nowMs: number): RowChange | undefined {
    if (this.#delete.run(trustDomain).changes === 0) return undefined;
    return this.#feed.buried(["bundle", trustDomain, null], nowMs);
  }

  #row(head: Head): BundleRow {
    return [
      head.trust_domain,
      head.sequence_number,
      head.refresh_hint,
      this.#x509.all(head.key),
      this.#jwt.all(head.key),
    ];
  }
}

function isSameBundle(left: BundleRow, right: BundleRow): boolean {
  return left[1] === right[1] && left[2] === right[2] && isSameList(left[3], right[3]) && isSameList(left[4], right[4]);
}

type Column = string | number | Uint8Array;

function isSameList(left: readonly (readonly Column[])[], right: readonly (readonly Column[])[]): boolean {
  const isSame = (one: Column, other: Column | undefined): boolean =>
    one instanceof Uint8Array && other instanceof Uint8Array ? Buffer.compare(one, other) === 0 : one === other;
  return (
    left.length === right.length &&
    left.every((row, index) => row.every((column, place) => isSame(column, right[index]?.[place])))
  );
}

interface BundleContents {
  replace(bundle: number, x509: readonly X509AuthorityRow[], jwt: readonly JwtAuthorityRow[]): void;
}

function prepareContents(db: Database.Database): BundleContents {
  const dropX509 = db.prepare("DELETE FROM bundle_x509_authorities WHERE bundle = ?");
  const dropJwt = db.prepare("DELETE FROM bundle_jwt_authorities WHERE bundle = ?");
  const addX509 = db.prepare(
    "INSERT INTO bundle_x509_authorities (bundle, certificate, subject_key_id, tainted) VALUES (?, ?, ?, ?)",
  );
  const addJwt = db.prepare(
    "INSERT INTO bundle_jwt_authorities (bundle, key_id, public_key, expires_at, tainted) VALUES (?, ?, ?, ?, ?)",
  );
  return {
    replace: (bundle, x509, jwt) => {
      dropX509.run(bundle);
      dropJwt.run(bundle);
      for (const row of x509) addX509.run(bundle, ...row);
      for (const row of jwt) addJwt.run(bundle, ...row);
    },
  };
}

interface EditStatements {
  /** How many rows changed. */
  apply(bundle: number, edit: BundleRowEdit): number;
}

function prepareEdits(db: Database.Database): EditStatements {
  const addX509 = db.prepare(
    `INSERT INTO bundle_x509_authorities (bundle, certificate, subject_key_id, tainted) VALUES (?, ?, ?, 0)
     ON CONFLICT DO NOTHING`,
  );
  const removeX509 = db.prepare("DELETE FROM bundle_x509_authorities WHERE bundle = ? AND certificate = ?");
  const taintX509 = db.prepare(
    "UPDATE bundle_x509_authorities SET tainted = 1 WHERE bundle = ? AND subject_key_id = ? AND tainted = 0",
  );
  const addJwt = db.prepare(
    `INSERT INTO bundle_jwt_authorities (bundle, key_id, public_key, expires_at, tainted) VALUES (?, ?, ?, ?, 0)
     ON CONFLICT DO NOTHING`,
  );
  const removeJwt = db.prepare("DELETE FROM bundle_jwt_authorities WHERE bundle = ? AND key_id = ?");
  const taintJwt = db.prepare(
    "UPDATE bundle_jwt_authorities SET tainted = 1 WHERE bundle = ? AND key_id = ? AND tainted = 0",
  );
  const run = (bundle: number, edit: BundleRowEdit): Database.RunResult => {
    switch (edit.kind) {
      case "add-x509":
        return addX509.run(bundle, edit.certificate, edit.subjectKeyId);
      case "remove-x509":
        return removeX509.run(bundle, edit.certificate);
      case "taint-x509":
        return taintX509.run(bundle, edit.subjectKeyId);
      case "add-jwt":
        return addJwt.run(bundle, edit.keyId, edit.publicKey, edit.expiresAt);
      case "remove-jwt":
        return removeJwt.run(bundle, edit.keyId);
      case "taint-jwt":
        return taintJwt.run(bundle, edit.keyId);
    }
  };
  return { apply: (bundle, edit) => run(bundle, edit).changes };
}
