import type { AttestedNode } from "../../proto/domain/agent.ts";
import { compareEntries, type RegistrationEntry } from "../../proto/domain/entry.ts";
import type { FederationRelationship } from "../../proto/domain/federation.ts";
import type { Position } from "../../proto/domain/link.ts";
import type { AuthorityRecord } from "../../server/domain/authority.ts";
import type { AuthorizedEntries, EntryDelta, Registry } from "../../server/registry/ports.ts";
import { SelectorChanges } from "../../server/registry/selector-changes.ts";
import type { Change, Feed, FeedItem, FeedPage } from "../../server/store/ports.ts";
import type { SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";

interface Watcher {
  readonly agentId: SpiffeId;
  readonly listener: (delta: EntryDelta) => void;
}

/**
 * Registry, authorised entries and feed of a test that decides itself what the feed says. An agent is authorised for the
 * entries whose parent it is; the real walk has tests of its own.
 */
export class FakeRegistry implements Registry, AuthorizedEntries, Pick<Feed, "head" | "changesAfter"> {
  position: Position = { epoch: "e1", n: 0 };
  /** What `changesAfter` knows; cut it to move the horizon. */
  log: Change[] = [];
  /** When set, the store is down: what needs it rejects. */
  failure: Error | undefined;
  readonly #entries = new Map<string, RegistrationEntry>();
  readonly #nodes = new Map<string, AttestedNode>();
  readonly #bundles = new Map<string, SpiffeBundle>();
  readonly #federations = new Map<string, FederationRelationship>();
  readonly #authorities = new Map<string, AuthorityRecord>();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  readonly #watchers = new Set<Watcher>();

  readonly #selectorChanges = new SelectorChanges();

  selectorsMayHaveChangedAfter(agentId: SpiffeId, n: number): boolean {
    return this.#selectorChanges.mayHaveChangedAfter(agentId.toString(), n);
  }

  apply(...items: readonly FeedItem[]): Position {
    const before = new Map(this.#entries);
    const changes: Change[] = [];
    for (const item of items) {
      this.position = { epoch: this.position.epoch, n: this.position.n + 1 };
      if (item.type === "node") {
        this.#selectorChanges.note(item.key, this.#nodes.get(item.key), item.value, this.position.n);
      }
      this.#put(item);
      changes.push({ ...item, n: this.position.n });
    }
    this.log.push(...changes);
    for (const listener of [...this.#listeners]) listener(changes);
    for (const { agentId, listener } of [...this.#watchers]) {
      const concerns = (id: string): boolean => before.get(id)?.parentId.equals(agentId) === true;
      const upserted = changes.flatMap((change) =>
        change.type === "entry" && change.value?.parentId.equals(agentId) === true ? [change.value] : [],
      );
      const removed = changes.flatMap((change) =>
        change.type === "entry" && concerns(change.key) && change.value?.parentId.equals(agentId) !== true
          ? [change.key]
          : [],
      );
      if (upserted.length + removed.length > 0) listener({ position: this.position, upserted, removed });
    }
    return this.position;
  }

  #put(item: FeedItem): void {
    if (item.type === "entry") set(this.#entries, item.key, item.value);
    else if (item.type === "node") set(this.#nodes, item.key, item.value);
    else if (item.type === "bundle") set(this.#bundles, item.key, item.value);
    else if (item.type === "federation") set(this.#federations, item.key, item.value);
    else if (item.type === "authority") set(this.#authorities, item.key, item.value);
  }

  entry(id: string): RegistrationEntry | undefined {
    return this.#entries.get(id);
  }

  entries(): Iterable<RegistrationEntry> {
    return [...this.#entries.values()].sort(compareEntries);
  }

  entriesBySpiffeId(spiffeId: SpiffeId): readonly RegistrationEntry[] {
    return [...this.entries()].filter((entry) => entry.spiffeId.equals(spiffeId));
  }

  entriesByParentId(parentId: SpiffeId): readonly RegistrationEntry[] {
    return [...this.entries()].filter((entry) => entry.parentId.equals(parentId));
  }

  entriesBySelectors(selectors: readonly string[]): readonly RegistrationEntry[] {
    return [...this.entries()].filter((entry) => entry.selectors.some((one) => selectors.includes(one.toString())));
  }

  get entryCount(): number {
    return this.#entries.size;
  }

  node(id: SpiffeId): AttestedNode | undefined {
    return this.#nodes.get(id.toString());
  }

  nodes(): Iterable<AttestedNode> {
    return this.#nodes.values();
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  bundle(trustDomain: TrustDomain): SpiffeBundle | undefined {
    return this.#bundles.get(trustDomain.name);
  }

  get bundleCount(): number {
    return this.#bundles.size;
  }

  bundles(): Iterable<SpiffeBundle> {
    return this.#bundles.values();
  }

  federation(trustDomain: TrustDomain): FederationRelationship | undefined {
    return this.#federations.get(trustDomain.name);
  }

  federations(): Iterable<FederationRelationship> {
    return this.#federations.values();
  }

  authorities(): Iterable<AuthorityRecord> {
    return this.#authorities.values();
  }

  reached(n: number, signal: AbortSignal): Promise<void> {
    if (this.position.n >= n) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const unsubscribe = this.onApplied(() => {
        if (this.position.n < n) return;
        unsubscribe();
        resolve();
      });
      signal.addEventListener("abort", () => {
        unsubscribe();
        reject(signal.reason);
      });
    });
  }

  onApplied(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  authorizedEntries(agentId: SpiffeId): readonly RegistrationEntry[] {
    return this.entriesByParentId(agentId);
  }

  authorizedEntry(agentId: SpiffeId, entryId: string): RegistrationEntry | undefined {
    const entry = this.#entries.get(entryId);
    return entry?.parentId.equals(agentId) === true ? entry : undefined;
  }

  watch(agentId: SpiffeId, listener: (delta: EntryDelta) => void): () => void {
    const watcher = { agentId, listener };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  async head(): Promise<Position> {
    if (this.failure !== undefined) throw this.failure;
    return this.position;
  }

  async changesAfter(n: number, limit: number): Promise<FeedPage> {
    if (this.failure !== undefined) throw this.failure;
    const oldest = this.log[0]?.n ?? this.position.n + 1;
    if (n + 1 < oldest) return { kind: "horizon", head: this.position };
    const newest = new Map<string, Change>();
    for (const change of this.log) if (change.n > n) newest.set(`${change.type}/${change.key}`, change);
    const changes = [...newest.values()].sort((left, right) => left.n - right.n).slice(0, limit);
    return { kind: "changes", changes, head: this.position };
  }
}

function set<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
