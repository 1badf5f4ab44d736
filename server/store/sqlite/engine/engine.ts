import type Database from "better-sqlite3";
import type {
  Answer,
  Args,
  EngineAnswer,
  EngineRequest,
  Handler,
  Operation,
  Operations,
  RowChange,
} from "../protocol.ts";
import { AuthorityTable } from "./authority-table.ts";
import { BundleTable } from "./bundle-table.ts";
import { EntryTable } from "./entry-table.ts";
import { failureOf } from "./failure.ts";
import { federationHandlers } from "./federation-handlers.ts";
import { FederationTable } from "./federation-table.ts";
import { FeedNumbers } from "./feed-numbers.ts";
import { FeedReader } from "./feed-reader.ts";
import { JoinTokenTable } from "./join-token-table.ts";
import { NodeTable } from "./node-table.ts";
import { openDatabase } from "./open-database.ts";
import { SnapshotReader } from "./snapshot-reader.ts";

export interface EngineOptions {
  /** Of the database file, or ":memory:". */
  readonly path: string;
  /** Identity of the file on its disk; when it is not the recorded one, the file was restored or copied. */
  readonly inode: string;
  /** Own trust domain: whose bundle `commitAuthorities` edits. */
  readonly trustDomain: string;
  /** Used when the store is created or restored. */
  readonly newEpoch: string;
  /** Used when the store is created. */
  readonly newServerId: string;
  readonly nowMs: number;
}

type Handlers = { readonly [K in Operation]: Handler<K> };

/** Operations that write nothing: a group of only these needs no transaction. */
const reads: ReadonlySet<Operation> = new Set([
  "head",
  "changesAfter",
  "serverId",
  "findEntry",
  "findNode",
  "findJoinToken",
  "listAuthorities",
  "findBundle",
  "findFederation",
]);

/**
 * The store itself: synchronous, plain data in and out, one connection. Which thread it runs in is its host's affair.
 */
export class Engine {
  readonly #db: Database.Database;
  readonly #path: string;
  readonly #feed: FeedNumbers;
  readonly #handlers: Handlers;
  readonly #savepoint: {
    readonly open: Database.Statement;
    readonly keep: Database.Statement;
    readonly undo: Database.Statement;
  };
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;

  /** @throws what `failureOf` gives a code to */
  constructor(options: EngineOptions) {
    this.#path = options.path;
    this.#db = openDatabase(options.path);
    try {
      this.#db.transaction(() => identify(this.#db, options)).immediate();
      this.#feed = new FeedNumbers(this.#db);
      this.#handlers = makeHandlers(this.#db, this.#feed, options.trustDomain);
      this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
      this.#commit = this.#db.prepare("COMMIT");
      this.#savepoint = {
        open: this.#db.prepare("SAVEPOINT request"),
        keep: this.#db.prepare("RELEASE request"),
        undo: this.#db.prepare("ROLLBACK TO request"),
      };
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /**
   * Group commit: all requests in one transaction, each in a savepoint, so that one that fails undoes only itself.
   * When the answers are returned, everything in them is on the disk; when the commit fails, all answers are failures.
   */
  execute(requests: readonly EngineRequest[]): readonly EngineAnswer[] {
    try {
      if (requests.every(({ op }) => reads.has(op))) return requests.map((request) => this.#attempt(request));
      this.#begin.run();
      this.#feed.begin();
      const answers = requests.map((request) => this.#inSavepoint(request));
      this.#feed.finish();
      this.#commit.run();
      return answers;
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      const failure = failureOf(error);
      return requests.map(() => ({ kind: "failure", failure }));
    }
  }

  /** The whole state as of now. Close it. */
  snapshot(): SnapshotReader {
    if (this.#path === ":memory:") return new SnapshotReader(this.#db, () => {});
    const db = openDatabase(this.#path);
    try {
      db.pragma("query_only = ON");
      db.exec("BEGIN");
      return new SnapshotReader(db, () => db.close());
    } catch (error) {
      db.close();
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }

  #attempt(request: EngineRequest): EngineAnswer {
    return { kind: "answer", value: run(this.#handlers, request.op, request.args) };
  }

  #inSavepoint(request: EngineRequest): EngineAnswer {
    const mark = this.#feed.mark;
    this.#savepoint.open.run();
    try {
      const answer = this.#attempt(request);
      this.#savepoint.keep.run();
      return answer;
    } catch (error) {
      // Some failures (disk full, I/O) end the whole transaction by themselves: then nobody is acknowledged.
      if (!this.#db.inTransaction) throw error;
      this.#savepoint.undo.run();
      this.#savepoint.keep.run();
      this.#feed.rollbackTo(mark);
      return { kind: "failure", failure: failureOf(error) };
    }
  }
}

function run<K extends Operation>(
  handlers: { readonly [P in K]: (args: Args<P>) => Answer<P> },
  op: K,
  args: Args<K>,
): Answer<K> {
  return handlers[op](args);
}

/** Creates the feed and server rows in a new store; draws a new epoch for a restored one. */
function identify(db: Database.Database, options: EngineOptions): void {
  const inode = db.prepare<[], string>("SELECT inode FROM feed").pluck().get();
  if (inode === undefined) {
    db.prepare("INSERT INTO feed (one, epoch, head, horizon, inode) VALUES (1, ?, 0, 0, ?)").run(
      options.newEpoch,
      options.inode,
    );
    db.prepare("INSERT INTO servers (key, id, created_at) VALUES (1, ?, ?)").run(
      options.newServerId,
      Math.floor(options.nowMs / 1000),
    );
  } else if (inode !== options.inode) {
    db.prepare("UPDATE feed SET epoch = ?, inode = ?").run(options.newEpoch, options.inode);
  }
}

function makeHandlers(db: Database.Database, feed: FeedNumbers, trustDomain: string): Handlers {
  const entries = new EntryTable(db, feed);
  const nodes = new NodeTable(db, feed);
  const tokens = new JoinTokenTable(db);
  const bundles = new BundleTable(db, feed);
  const authorities = new AuthorityTable(db, feed);
  const federations = new FederationTable(db, feed);
  const reader = new FeedReader(db, feed, { bundles, authorities, federations });
  const ownServerId = db.prepare<[], string>("SELECT id FROM servers WHERE key = 1").pluck();
  return {
    head: () => feed.position(),
    changesAfter: ({ n, limit }) => reader.after(n, limit),
    compact: ({ beforeMs }) => {
      reader.compact(beforeMs);
      return null;
    },
    serverId: () => {
      const id = ownServerId.get();
      if (id === undefined) throw new Error("the server's own row is missing");
      return id;
    },

    createEntries: ({ rows }) => rows.map((row) => entries.create(row)),
    updateEntries: ({ updates }) => updates.map(({ id, change }) => entries.update(id, change)),
    deleteEntries: ({ ids, nowMs }) => {
      const deleted = ids.map((id) => entries.delete(id, nowMs));
      return { value: deleted.map((change) => change !== undefined), changes: present(deleted) };
    },
    findEntry: ({ id }) => entries.find(id) ?? null,
    deleteExpiredEntries: ({ nowSeconds, nowMs }) => {
      const changes = entries.deleteExpired(nowSeconds, nowMs);
      return { value: changes.length, changes };
    },

    attestNode: ({ row, joinToken, nowSeconds }) => {
      // Used up before anything else: who comes second in a race for a token is told that, not that the first exists.
      if (joinToken !== null && !tokens.isUsable(joinToken, nowSeconds))
        return { value: "not-consumable", changes: [] };
      const existing = nodes.find(row[0]);
      if (existing?.[7] === 1) return { value: "banned", changes: [] };
      if (existing?.[8] === 0) return { value: "exists", changes: [] };
      if (joinToken !== null && !tokens.consume(joinToken, nowSeconds)) return { value: "not-consumable", changes: [] };
      return { value: "stored", changes: [nodes.attested(row, existing)] };
    },
    findNode: ({ id }) => nodes.find(id) ?? null,
    setPendingSerial: ({ id, currentSerial, pendingSerial, pendingExpiresAt, use }) =>
      nodes.setPendingSerial(id, currentSerial, pendingSerial, pendingExpiresAt, use),
    promoteSerial: ({ id, serial, use }) => nodes.promoteSerial(id, serial, use),
    banNode: ({ id }) => nodes.ban(id),
    deleteNode: ({ id, nowMs }) => {
      const gone = nodes.delete(id, nowMs);
      if (gone === undefined) return { value: false, changes: [] };
      return { value: true, changes: [gone, ...entries.deleteAliasesOf(id, nowMs)] };
    },
    setAgentVersion: ({ id, version, syncs }) => nodes.setAgentVersion(id, version, syncs),

    createJoinToken: ({ value, expiresAt, alias }) => {
      if (tokens.expiresAt(value) !== undefined) return { value: "taken", changes: [] };
      // An alias that is there already (of an earlier token of this value) serves again.
      const made = alias === null ? undefined : entries.create(alias);
      const created = alias !== null && made?.kind === "created";
      tokens.insert(value, expiresAt, created ? alias[0] : null);
      return { value: "created", changes: created ? [{ n: made.n, item: ["entry", alias[0], alias] }] : [] };
    },
    findJoinToken: ({ value }) => tokens.expiresAt(value) ?? null,
    deleteExpiredJoinTokens: ({ nowSeconds, nowMs }) => {
      const aliases = tokens.deleteExpired(nowSeconds);
      // Nobody can attest with an expired token, so its alias would wait for ever.
      const changes = aliases.map((id) => (id === null ? undefined : entries.delete(id, nowMs)));
      return { value: aliases.length, changes: present(changes) };
    },

    listAuthorities: () => authorities.list(),
    commitAuthorities: ({ put, remove, edits, nowMs }) => {
      const removed = remove.map((key) => authorities.remove(key, nowMs));
      const stored = put.map((row) => authorities.put(row, nowMs));
      const bundle = bundles.edit(trustDomain, edits);
      return { value: bundle.row, changes: [...present(removed), ...stored, ...bundle.changes] };
    },
    findBundle: ({ trustDomain: name }) => bundles.find(name) ?? null,
    ...federationHandlers({ bundles, entries, federations }, trustDomain),
  } satisfies { readonly [K in keyof Operations]: Handler<K> };
}

function present(changes: readonly (RowChange | undefined)[]): readonly RowChange[] {
  return changes.filter((change) => change !== undefined);
}
