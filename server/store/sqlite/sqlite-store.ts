import type { AttestedNode, JoinToken } from "../../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { Position } from "../../../proto/domain/link.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import type { SpiffeBundle, SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import type { AuthorityRecord } from "../../domain/authority.ts";
import type {
  AttestOutcome,
  AuthorityCommit,
  Change,
  CreateEntryOutcome,
  FeedItem,
  FeedPage,
  NewEntry,
  NodeAttestation,
  Store,
  UpdateEntryOutcome,
} from "../ports.ts";
import type { ChangeListeners } from "./change-listeners.ts";
import { decodeAuthority, encodeAuthority } from "./codec/authority.ts";
import { decodeBundle, encodeBundleEdit } from "./codec/bundle.ts";
import { createdEntry, decodeEntry, encodeEntry, encodeEntryChange } from "./codec/entry.ts";
import { decodeChange, decodeChunk } from "./codec/feed.ts";
import { decodeNode, encodeNode } from "./codec/node.ts";
import { SharedValues } from "./codec/shared-values.ts";
import type { Decoded, EngineHost } from "./host/engine-host.ts";
import type { Answer, Args, Changed, Operation } from "./protocol.ts";

export interface SqliteStoreDeps {
  /** Own trust domain. */
  readonly trustDomain: TrustDomain;
  /** Stamps tombstones and the authorities' journal. */
  readonly clock: Clock;
  readonly listeners: ChangeListeners;
  readonly host: EngineHost;
}

/** Operations whose answer carries the changes it made. */
type ChangingOperation = { [K in Operation]: Answer<K> extends Changed<unknown> ? K : never }[Operation];

/** Domain values in front of an engine, wherever that runs. */
export class SqliteStore implements Store {
  readonly #clock: Clock;
  readonly #listeners: ChangeListeners;
  readonly #host: EngineHost;
  readonly #trustDomain: TrustDomain;
  readonly #shared: SharedValues;

  constructor({ clock, listeners, host, trustDomain }: SqliteStoreDeps) {
    this.#trustDomain = trustDomain;
    this.#shared = new SharedValues(trustDomain);
    this.#clock = clock;
    this.#listeners = listeners;
    this.#host = host;
  }

  // ---- feed ----

  head(): Promise<Position> {
    return this.#read("head", {}, (position) => position);
  }

  changesAfter(n: number, limit: number): Promise<FeedPage> {
    return this.#read("changesAfter", { n, limit }, (page): FeedPage => {
      if (page.kind === "horizon") return page;
      return { ...page, changes: page.changes.map((change) => decodeChange(change, this.#shared)) };
    });
  }

  snapshot(onChunk: (items: readonly FeedItem[]) => void): Promise<Position> {
    // Values of its own: what a snapshot shares should not stay in a table afterwards.
    const shared = new SharedValues(this.#trustDomain);
    return this.#host.snapshot((chunk) => onChunk(decodeChunk(chunk, shared)));
  }

  onChanges(listener: (changes: readonly Change[]) => void): () => void {
    return this.#listeners.add(listener);
  }

  compact(beforeMs: number): Promise<void> {
    return this.#read("compact", { beforeMs }, () => undefined);
  }

  // ---- entries ----

  createEntries(entries: readonly NewEntry[], nowSeconds: number): Promise<readonly CreateEntryOutcome[]> {
    const rows = entries.map((entry) => encodeEntry(entry, nowSeconds));
    return this.#host.call("createEntries", { rows }, (answers) => {
      const changes: Change[] = [];
      const value = answers.map((answer, index): CreateEntryOutcome => {
        const sent = entries[index];
        switch (answer.kind) {
          case "created": {
            if (sent === undefined) throw new RangeError("more answers than entries");
            const entry = createdEntry(sent, nowSeconds);
            changes.push({ type: "entry", key: entry.id, value: entry, n: answer.n });
            return { kind: "created", entry };
          }
          case "no-bundle":
            return answer;
          default:
            return { kind: answer.kind, entry: decodeEntry(answer.row, this.#shared) };
        }
      });
      return { value, changes };
    });
  }

  updateEntries(
    updates: readonly { readonly id: string; readonly change: Partial<NewEntry> }[],
  ): Promise<readonly UpdateEntryOutcome[]> {
    const args = { updates: updates.map(({ id, change }) => ({ id, change: encodeEntryChange(change) })) };
    return this.#host.call("updateEntries", args, (answers) => {
      const changes: Change[] = [];
      const value = answers.map((answer): UpdateEntryOutcome => {
        if (answer.kind !== "updated") return answer;
        const entry = decodeEntry(answer.row, this.#shared);
        changes.push({ type: "entry", key: entry.id, value: entry, n: answer.n });
        return { kind: "updated", entry };
      });
      return { value, changes };
    });
  }

  deleteEntries(ids: readonly string[]): Promise<readonly boolean[]> {
    return this.#change("deleteEntries", { ids, nowMs: this.#clock.now() });
  }

  findEntry(id: string): Promise<RegistrationEntry | undefined> {
    return this.#read("findEntry", { id }, (row) => (row === null ? undefined : decodeEntry(row, this.#shared)));
  }

  deleteExpiredEntries(nowSeconds: number): Promise<number> {
    return this.#change("deleteExpiredEntries", { nowSeconds, nowMs: this.#clock.now() });
  }

  // ---- nodes ----

  async attestNode({ node, consume, nowSeconds }: NodeAttestation): Promise<AttestOutcome> {
    const args = { row: encodeNode(node), joinToken: consume?.value ?? null, nowSeconds };
    return { kind: await this.#change("attestNode", args) };
  }

  findNode(id: SpiffeId): Promise<AttestedNode | undefined> {
    return this.#read("findNode", { id: id.toString() }, (row) => {
      return row === null ? undefined : decodeNode(row, this.#shared);
    });
  }

  setPendingSerial(
    id: SpiffeId,
    currentSerial: string,
    pendingSerial: string,
    pendingExpiresAt: number,
  ): Promise<boolean> {
    return this.#change("setPendingSerial", { id: id.toString(), currentSerial, pendingSerial, pendingExpiresAt });
  }

  promoteSerial(id: SpiffeId, serial: string): Promise<boolean> {
    return this.#change("promoteSerial", { id: id.toString(), serial });
  }

  banNode(id: SpiffeId): Promise<boolean> {
    return this.#change("banNode", { id: id.toString() });
  }

  deleteNode(id: SpiffeId): Promise<boolean> {
    return this.#change("deleteNode", { id: id.toString(), nowMs: this.#clock.now() });
  }

  setAgentVersion(id: SpiffeId, version: string): Promise<boolean> {
    return this.#change("setAgentVersion", { id: id.toString(), version });
  }

  // ---- join tokens ----

  async createJoinToken(
    token: JoinToken,
    alias: NewEntry | undefined,
    nowSeconds: number,
  ): Promise<{ readonly kind: "created" } | { readonly kind: "taken" }> {
    const { value, expiresAt } = token;
    const row = alias === undefined ? null : encodeEntry(alias, nowSeconds);
    return { kind: await this.#change("createJoinToken", { value, expiresAt, alias: row }) };
  }

  findJoinToken(value: string): Promise<JoinToken | undefined> {
    return this.#read("findJoinToken", { value }, (expiresAt) => {
      return expiresAt === null ? undefined : { value, expiresAt };
    });
  }

  deleteExpiredJoinTokens(nowSeconds: number): Promise<number> {
    return this.#change("deleteExpiredJoinTokens", { nowSeconds, nowMs: this.#clock.now() });
  }

  // ---- authorities and bundles ----

  listAuthorities(): Promise<readonly AuthorityRecord[]> {
    return this.#read("listAuthorities", {}, (rows) => rows.map(decodeAuthority));
  }

  async commitAuthorities(commit: AuthorityCommit): Promise<SpiffeBundle> {
    const args = {
      put: commit.put.map(encodeAuthority),
      remove: commit.remove,
      edits: commit.bundleEdits.map(encodeBundleEdit),
      nowMs: this.#clock.now(),
    };
    return decodeBundle(await this.#change("commitAuthorities", args), this.#shared);
  }

  findBundle(trustDomain: TrustDomain): Promise<SpiffeBundle | undefined> {
    return this.#read("findBundle", { trustDomain: trustDomain.name }, (row) => {
      return row === null ? undefined : decodeBundle(row, this.#shared);
    });
  }

  // ---- all ----

  serverId(): Promise<string> {
    return this.#read("serverId", {}, (id) => id);
  }

  async check(): Promise<void> {
    await this.head();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#host.close();
  }

  #read<K extends Operation, T>(op: K, args: Args<K>, decode: (answer: Answer<K>) => T): Promise<T> {
    return this.#host.call(op, args, (answer): Decoded<T> => ({ value: decode(answer), changes: [] }));
  }

  #change<K extends ChangingOperation>(op: K, args: Args<K>): Promise<Answer<K>["value"]> {
    return this.#host.call(
      op,
      args,
      (answer): Decoded<Answer<K>["value"]> => ({
        value: answer.value,
        changes: answer.changes.map((change) => decodeChange(change, this.#shared)),
      }),
    );
  }
}
