import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { FederationRelationship } from "../../proto/domain/federation.ts";
import type { Position } from "../../proto/domain/link.ts";
import { errorFields, type Timer } from "../../runtime/core/index.ts";
import type { SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { AuthorityRecord } from "../domain/authority.ts";
import { type EntryDecision, isLive, selectorTexts, serverIdOf } from "../domain/authorized-entries.ts";
import type { Change, FeedItem } from "../store/ports.ts";
import { AuthorizedSets, type EntryTransition } from "./authorized-sets.ts";
import { EntryIndex, type EntryPlace } from "./entry-index.ts";
import { ExpiryQueue } from "./expiry-queue.ts";
import { FeedFollower, type FeedFollowerDeps, type FeedTarget } from "./feed-follower.ts";
import type { AuthorizedEntries, EntryDelta, Registry } from "./ports.ts";
import { PositionWaiters } from "./position-waiters.ts";
import { replacingChanges } from "./replacing-changes.ts";
import { SelectorChanges } from "./selector-changes.ts";

export interface MemoryRegistryDeps extends FeedFollowerDeps {
  readonly trustDomain: TrustDomain;
}

const noSelectors: ReadonlySet<string> = new Set();

/**
 * Registry and authorised sets in one: both change in the same step, so a watcher never sees one without the other.
 * Values it hands out are shared and immutable.
 */
export class MemoryRegistry implements Registry, AuthorizedEntries, AsyncDisposable {
  readonly #deps: MemoryRegistryDeps;
  readonly #follower: FeedFollower;
  readonly #entries = new EntryIndex();
  readonly #expiries = new ExpiryQueue();
  readonly #nodes = new Map<string, AttestedNode>();
  readonly #nodeSelectors = new WeakMap<AttestedNode, ReadonlySet<string>>();
  readonly #selectorChanges = new SelectorChanges();
  readonly #bundles = new Map<string, SpiffeBundle>();
  readonly #federations = new Map<string, FederationRelationship>();
  readonly #authorities = new Map<string, AuthorityRecord>();
  readonly #sets: AuthorizedSets;
  readonly #waiters = new PositionWaiters();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  #position: Position = { epoch: "", n: 0 };
  /** Unix seconds that liveness was last decided at; never goes back, so that an expired entry stays expired. */
  #asOf: number;
  #timer: Timer | undefined;

  private constructor(deps: MemoryRegistryDeps) {
    this.#deps = deps;
    this.#asOf = Math.floor(deps.clock.now() / 1000);
    this.#sets = new AuthorizedSets(this.#entries, serverIdOf(deps.trustDomain), (id) => this.#selectorsOf(id));
    this.#follower = new FeedFollower(deps, this.#target());
  }

  /** Loaded when it resolves. Rejects as the feed does. */
  static async load(deps: MemoryRegistryDeps): Promise<MemoryRegistry> {
    const registry = new MemoryRegistry(deps);
    await registry.#follower.start();
    return registry;
  }

  get position(): Position {
    return this.#position;
  }

  // ---- entries ----

  entry(id: string): RegistrationEntry | undefined {
    return this.#entries.get(id);
  }

  entries(): Iterable<RegistrationEntry> {
    return this.#entries.inOrder();
  }

  /** Entries that come after a place in the order of (created_at, id). */
  entriesAfter(place: EntryPlace): Iterable<RegistrationEntry> {
    return this.#entries.inOrderAfter(place);
  }

  entriesBySpiffeId(spiffeId: SpiffeId): readonly RegistrationEntry[] {
    return [...this.#entries.entriesOf(spiffeId.toString())];
  }

  entriesByParentId(parentId: SpiffeId): readonly RegistrationEntry[] {
    return [...this.#entries.childrenOf(parentId.toString())];
  }

  entriesBySelectors(selectors: readonly string[]): readonly RegistrationEntry[] {
    return [...this.#entries.withAnySelector(selectors)];
  }

  entriesByHint(hint: string): readonly RegistrationEntry[] {
    return [...this.#entries.withHint(hint)];
  }

  get entryCount(): number {
    return this.#entries.size;
  }

  // ---- the others ----

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

  // ---- authorised sets ----

  authorizedEntries(agentId: SpiffeId): readonly RegistrationEntry[] {
    this.#expire();
    return this.#sets.entriesOf(agentId.toString(), this.#asOf);
  }

  authorizedEntry(agentId: SpiffeId, entryId: string): RegistrationEntry | undefined {
    const entry = this.#entries.get(entryId);
    return entry !== undefined && this.decideEntry(agentId, entry).allow ? entry : undefined;
  }

  /** Why the agent may or may not serve the entry. */
  decideEntry(agentId: SpiffeId, entry: RegistrationEntry): EntryDecision {
    this.#expire();
    return this.#sets.decide(agentId.toString(), entry, this.#asOf);
  }

  watch(agentId: SpiffeId, listener: (delta: EntryDelta) => void): () => void {
    this.#expire();
    return this.#sets.watch(agentId.toString(), listener, this.#asOf);
  }

  selectorsMayHaveChangedAfter(agentId: SpiffeId, n: number): boolean {
    return this.#selectorChanges.mayHaveChangedAfter(agentId.toString(), n);
  }

  // ---- following ----

  reached(n: number, signal: AbortSignal): Promise<void> {
    return this.#position.n >= n ? Promise.resolve() : this.#waiters.wait(n, signal);
  }

  /** Asks the store for what other servers wrote. Rejects as the feed does. */
  catchUp(): Promise<void> {
    return this.#follower.catchUp();
  }

  onApplied(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#follower.close();
    this.#timer?.cancel();
    return Promise.resolve();
  }

  #target(): FeedTarget {
    const position = (): Position => this.#position;
    return {
      get position() {
        return position();
      },
      apply: (changes, next) => this.#apply(changes, next),
      fill: (items) => {
        for (const item of items) this.#put(item);
      },
      filled: (next) => {
        this.#position = next;
        this.#selectorChanges.begin(next.n);
        this.#armTimer();
      },
      replace: (items, next) => {
        const isNewEpoch = next.epoch !== this.#position.epoch;
        this.#apply(replacingChanges(items, next.n, this.#everything()), next);
        if (isNewEpoch) this.#waiters.releaseAll();
      },
    };
  }

  #apply(changes: readonly Change[], next: Position): void {
    this.#expire();
    const before = new Map<string, RegistrationEntry | undefined>();
    const activated = new Set<string>();
    const changedNodes = new Set<string>();
    for (const change of changes) {
      if (change.type === "node") {
        changedNodes.add(change.key);
        this.#selectorChanges.note(change.key, this.#nodes.get(change.key), change.value, change.n);
      }
      if (change.type === "entry") {
        if (!before.has(change.key)) before.set(change.key, this.#entries.get(change.key));
        const parent = change.value?.parentId.toString();
        if (parent !== undefined && !this.#entries.hasChildren(parent)) activated.add(parent);
      }
      this.#put(change);
    }
    this.#position = next;
    const transitions = Array.from(before, ([id, old]): EntryTransition => ({ old, new: this.#entries.get(id) }));
    this.#deliver({ transitions, activated, changedNodes, expired: false });
    for (const listener of [...this.#listeners]) this.#call(() => listener(changes));
    this.#waiters.reached(next.n);
    this.#armTimer();
  }

  #put(item: FeedItem): void {
    switch (item.type) {
      case "entry":
        this.#putEntry(item.key, item.value);
        return;
      case "node":
        putOrDelete(this.#nodes, item.key, item.value);
        return;
      case "bundle":
        putOrDelete(this.#bundles, item.key, item.value);
        return;
      case "federation":
        putOrDelete(this.#federations, item.key, item.value);
        return;
      case "authority":
        putOrDelete(this.#authorities, item.key, item.value);
        return;
    }
  }

  #putEntry(id: string, entry: RegistrationEntry | undefined): void {
    const old = this.#entries.get(id);
    if (old !== undefined) this.#expiries.remove(old);
    if (entry === undefined) {
      this.#entries.remove(id);
    } else {
      this.#entries.put(entry);
      if (isLive(entry, this.#asOf)) this.#expiries.add(entry);
    }
  }

  /** Lets the time that has passed take effect. */
  #expire(): void {
    this.#asOf = Math.max(this.#asOf, Math.floor(this.#deps.clock.now() / 1000));
    const due = this.#expiries.takeDue(this.#asOf);
    if (due.length === 0) return;
    const transitions = due.map((entry) => ({ old: entry, new: entry }));
    this.#deliver({ transitions, activated: [], changedNodes: [], expired: true });
  }

  #deliver(batch: Omit<Parameters<AuthorizedSets["update"]>[0], "nowSeconds" | "position">): void {
    const deliveries = this.#sets.update({ ...batch, nowSeconds: this.#asOf, position: this.#position });
    for (const { listener, delta } of deliveries) this.#call(() => listener(delta));
  }

  #armTimer(): void {
    this.#timer?.cancel();
    const { next } = this.#expiries;
    if (next === undefined) return;
    const delay = Math.max(0, next * 1000 - this.#deps.clock.now());
    this.#timer = this.#deps.clock.setTimer(delay, () => {
      this.#expire();
      this.#armTimer();
    });
  }

  /** One broken listener must not keep the change from the others. */
  #call(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#deps.logger.error(errorFields(error), "a listener of the registry failed");
    }
  }

  #selectorsOf(agentId: string): ReadonlySet<string> {
    const node = this.#nodes.get(agentId);
    if (node === undefined) return noSelectors;
    const known = this.#nodeSelectors.get(node);
    if (known !== undefined) return known;
    const texts = selectorTexts(node.selectors);
    this.#nodeSelectors.set(node, texts);
    return texts;
  }

  *#everything(): Generator<FeedItem, void> {
    for (const value of this.#entries.inOrder()) yield { type: "entry", key: value.id, value };
    for (const [key, value] of this.#nodes) yield { type: "node", key, value };
    for (const [key, value] of this.#bundles) yield { type: "bundle", key, value };
    for (const [key, value] of this.#federations) yield { type: "federation", key, value };
    for (const [key, value] of this.#authorities) yield { type: "authority", key, value };
  }
}

function putOrDelete<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
