import type { AttestedNode, JoinToken } from "../../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { FederationRelationship } from "../../../proto/domain/federation.ts";
import type { Position } from "../../../proto/domain/link.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import type { SpiffeBundle, SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import type { AuthorityRecord } from "../../domain/authority.ts";
import type {
  AppendBundleOutcome,
  AttestOutcome,
  AuthorityCommit,
  BundleDeleteMode,
  Change,
  CreateBundleOutcome,
  CreateEntryOutcome,
  CreateFederationOutcome,
  DeleteBundleOutcome,
  FederatedBundleStore,
  FederationStore,
  FeedItem,
  FeedPage,
  NewEntry,
  NodeAttestation,
  OwnBundleStore,
  Store,
  SvidUse,
  UpdateBundleOutcome,
  UpdateEntryOutcome,
  UpdateFederationOutcome,
} from "../ports.ts";
import type { ChangeListeners } from "./change-listeners.ts";
import { decodeAuthority, encodeAuthority } from "./codec/authority.ts";
import { decodeBundle, encodeBundleEdit } from "./codec/bundle.ts";
import { createdEntry, decodeEntry, encodeEntry, encodeEntryChange } from "./codec/entry.ts";
import { decodeChange, decodeChunk } from "./codec/feed.ts";
import { decodeNode, encodeNode } from "./codec/node.ts";
import { SharedValues } from "./codec/shared-values.ts";
import type { EngineHost } from "./host/engine-host.ts";
import { SqliteCalls } from "./sqlite-calls.ts";
import { SqliteFederation } from "./sqlite-federation.ts";

export interface SqliteStoreDeps {
  /** Own trust domain. */
  readonly trustDomain: TrustDomain;
  /** Stamps tombstones and the authorities' journal. */
  readonly clock: Clock;
  readonly listeners: ChangeListeners;
  readonly host: EngineHost;
}

/** Domain values in front of an engine, wherever that runs. */
export class SqliteStore implements Store {
  readonly #clock: Clock;
  readonly #listeners: ChangeListeners;
  readonly #host: EngineHost;
  readonly #trustDomain: TrustDomain;
  readonly #shared: SharedValues;
  readonly #calls: SqliteCalls;
  readonly #federation: SqliteFederation;

  constructor({ clock, listeners, host, trustDomain }: SqliteStoreDeps) {
    this.#trustDomain = trustDomain;
    this.#shared = new SharedValues(trustDomain);
    this.#clock = clock;
    this.#listeners = listeners;
    this.#host = host;
    this.#calls = new SqliteCalls(host, this.#shared);
    this.#federation = new SqliteFederation(this.#calls, trustDomain, clock);
  }

  // ---- feed ----

  head(): Promise<Position> {
    return this.#calls.read("head", {}, (position) => position);
  }

  changesAfter(n: number, limit: number): Promise<FeedPage> {
    return this.#calls.read("changesAfter", { n, limit }, (page): FeedPage => {
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
    return this.#calls.read("compact", { beforeMs }, () => undefined);
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
    return this.#calls.change("deleteEntries", { ids, nowMs: this.#clock.now() });
  }

  findEntry(id: string): Promise<RegistrationEntry | undefined> {
    return this.#calls.read("findEntry", { id }, (row) => (row === null ? undefined : decodeEntry(row, this.#shared)));
  }

  deleteExpiredEntries(nowSeconds: number): Promise<number> {
    return this.#calls.change("deleteExpiredEntries", { nowSeconds, nowMs: this.#clock.now() });
  }

  // ---- nodes ----

  async attestNode({ node, consume, nowSeconds }: NodeAttestation): Promise<AttestOutcome> {
    const args = { row: encodeNode(node), joinToken: consume?.value ?? null, nowSeconds };
    return { kind: await this.#calls.change("attestNode", args) };
  }

  findNode(id: SpiffeId): Promise<AttestedNode | undefined> {
    return this.#calls.read("findNode", { id: id.toString() }, (row) => {
      return row === null ? undefined : decodeNode(row, this.#shared);
    });
  }

  setPendingSerial(
    id: SpiffeId,
    currentSerial: string,
    pendingSerial: string,
    pendingExpiresAt: number,
    use: SvidUse,
  ): Promise<boolean> {
    return this.#calls.change("setPendingSerial", {
      id: id.toString(),
      currentSerial,
      pendingSerial,
      pendingExpiresAt,
      use,
    });
  }

  promoteSerial(id: SpiffeId, serial: string, use: SvidUse): Promise<boolean> {
    return this.#calls.change("promoteSerial", { id: id.toString(), serial, use });
  }

  banNode(id: SpiffeId): Promise<boolean> {
    return this.#calls.change("banNode", { id: id.toString() });
  }

  deleteNode(id: SpiffeId): Promise<boolean> {
    return this.#calls.change("deleteNode", { id: id.toString(), nowMs: this.#clock.now() });
  }

  setAgentVersion(id: SpiffeId, version: string, syncs: boolean): Promise<boolean> {
    return this.#calls.change("setAgentVersion", { id: id.toString(), version, syncs });
  }

  // ---- join tokens ----

  async createJoinToken(
    token: JoinToken,
    alias: NewEntry | undefined,
    nowSeconds: number,
  ): Promise<{ readonly kind: "created" } | { readonly kind: "taken" }> {
    const { value, expiresAt } = token;
    const row = alias === undefined ? null : encodeEntry(alias, nowSeconds);
    return { kind: await this.#calls.change("createJoinToken", { value, expiresAt, alias: row }) };
  }

  findJoinToken(value: string): Promise<JoinToken | undefined> {
    return this.#calls.read("findJoinToken", { value }, (expiresAt) => {
      return expiresAt === null ? undefined : { value, expiresAt };
    });
  }

  deleteExpiredJoinTokens(nowSeconds: number): Promise<number> {
    return this.#calls.change("deleteExpiredJoinTokens", { nowSeconds, nowMs: this.#clock.now() });
  }

  // ---- authorities and bundles ----

  listAuthorities(): Promise<readonly AuthorityRecord[]> {
    return this.#calls.read("listAuthorities", {}, (rows) => rows.map(decodeAuthority));
  }

  async commitAuthorities(commit: AuthorityCommit): Promise<SpiffeBundle> {
    const args = {
      put: commit.put.map(encodeAuthority),
      remove: commit.remove,
      edits: commit.bundleEdits.map(encodeBundleEdit),
      nowMs: this.#clock.now(),
    };
    return decodeBundle(await this.#calls.change("commitAuthorities", args), this.#shared);
  }

  findBundle(trustDomain: TrustDomain): Promise<SpiffeBundle | undefined> {
    return this.#calls.read("findBundle", { trustDomain: trustDomain.name }, (row) => {
      return row === null ? undefined : decodeBundle(row, this.#shared);
    });
  }

  appendBundle(authorities: Parameters<OwnBundleStore["appendBundle"]>[0]): Promise<AppendBundleOutcome> {
    return this.#federation.appendBundle(authorities);
  }

  // ---- federation ----

  createBundles(bundles: readonly SpiffeBundle[]): Promise<readonly CreateBundleOutcome[]> {
    return this.#federation.createBundles(bundles);
  }

  updateBundles(
    updates: Parameters<FederatedBundleStore["updateBundles"]>[0],
  ): Promise<readonly UpdateBundleOutcome[]> {
    return this.#federation.updateBundles(updates);
  }

  setBundles(bundles: readonly SpiffeBundle[]): Promise<readonly SpiffeBundle[]> {
    return this.#federation.setBundles(bundles);
  }

  deleteBundles(trustDomains: readonly TrustDomain[], mode: BundleDeleteMode): Promise<readonly DeleteBundleOutcome[]> {
    return this.#federation.deleteBundles(trustDomains, mode);
  }

  createFederations(
    items: Parameters<FederationStore["createFederations"]>[0],
  ): Promise<readonly CreateFederationOutcome[]> {
    return this.#federation.createFederations(items);
  }

  updateFederations(
    updates: Parameters<FederationStore["updateFederations"]>[0],
  ): Promise<readonly UpdateFederationOutcome[]> {
    return this.#federation.updateFederations(updates);
  }

  deleteFederations(trustDomains: readonly TrustDomain[]): Promise<readonly boolean[]> {
    return this.#federation.deleteFederations(trustDomains);
  }

  findFederation(trustDomain: TrustDomain): Promise<FederationRelationship | undefined> {
    return this.#federation.findFederation(trustDomain);
  }

  // ---- all ----

  serverId(): Promise<string> {
    return this.#calls.read("serverId", {}, (id) => id);
  }

  async check(): Promise<void> {
    await this.head();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#host.close();
  }
}
