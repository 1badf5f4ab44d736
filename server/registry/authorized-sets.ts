import { compareEntries, type RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Position } from "../../proto/domain/link.ts";
import {
  type AgentView,
  decideEntry,
  type EntryDecision,
  entriesBelow,
  isLive,
  matchesNode,
  reachableParents,
  rootIds,
} from "../domain/authorized-entries.ts";
import { AgentWatch } from "./agent-watch.ts";
import type { EntryIndex } from "./entry-index.ts";
import { MultiMap } from "./multi-map.ts";
import type { EntryDelta } from "./ports.ts";

/** One entry before and after a batch; both may be expired, which is the same as absent. */
export interface EntryTransition {
  readonly old: RegistrationEntry | undefined;
  readonly new: RegistrationEntry | undefined;
}

export interface Delivery {
  readonly listener: (delta: EntryDelta) => void;
  readonly delta: EntryDelta;
}

/**
 * The authorised sets of the watched agents, kept up incrementally. An agent's set is the children of the parents it
 * reaches, so only that small set of parents is kept per agent; entries are never copied. An ordinary change costs one
 * look-up per agent concerned; only a change of a link (an entry whose SPIFFE ID has children) or of a node alias makes
 * the reach of the agents concerned be computed again.
 */
export class AuthorizedSets {
  readonly #entries: EntryIndex;
  readonly #serverId: string;
  readonly #nodeSelectors: (agentId: string) => ReadonlySet<string>;
  readonly #watches = new Map<string, AgentWatch>();
  readonly #byReach = new MultiMap<AgentWatch>();

  constructor(entries: EntryIndex, serverId: string, nodeSelectors: (agentId: string) => ReadonlySet<string>) {
    this.#entries = entries;
    this.#serverId = serverId;
    this.#nodeSelectors = nodeSelectors;
  }

  /** Sorted by (created_at, id). */
  entriesOf(agentId: string, nowSeconds: number): readonly RegistrationEntry[] {
    const view = this.#view(agentId, nowSeconds);
    const reach =
      this.#watches.get(agentId)?.reach ?? reachableParents(this.#entries, rootIds(this.#entries, view), nowSeconds);
    return [...entriesBelow(this.#entries, reach, nowSeconds)].sort(compareEntries);
  }

  decide(agentId: string, entry: RegistrationEntry, nowSeconds: number): EntryDecision {
    return decideEntry(this.#entries, this.#view(agentId, nowSeconds), entry);
  }

  watch(agentId: string, listener: (delta: EntryDelta) => void, nowSeconds: number): () => void {
    const watch = this.#watches.get(agentId) ?? this.#open(agentId, nowSeconds);
    // Each call counts, also with a function that watches already.
    const own = (delta: EntryDelta): void => listener(delta);
    watch.listeners.add(own);
    return () => {
      if (watch.listeners.delete(own) && watch.listeners.size === 0) this.#close(watch);
    };
  }

  /**
   * After the index was brought up to date: what to tell whom. `activated` are ids that had no children before the
   * batch and have some now. Liveness before and after is at the same `nowSeconds`, unless `expired`: then all
   * transitions are entries that were live until now.
   */
  update(batch: {
    readonly transitions: readonly EntryTransition[];
    readonly activated: Iterable<string>;
    readonly changedNodes: Iterable<string>;
    readonly expired: boolean;
    readonly nowSeconds: number;
    readonly position: Position;
  }): readonly Delivery[] {
    if (this.#watches.size === 0) return [];
    const { transitions, nowSeconds, expired } = batch;
    const touched = new Set<AgentWatch>();
    for (const { old } of transitions) {
      if (old === undefined || !(expired || isLive(old, nowSeconds))) continue;
      for (const watch of this.#byReach.get(old.parentId.toString())) {
        watch.had(old.id);
        touched.add(watch);
      }
    }
    const ids = new Set(transitions.map((one) => (one.old ?? one.new)?.id ?? ""));
    for (const watch of this.#restructured(batch)) {
      this.#moveReach(watch, ids, nowSeconds);
      touched.add(watch);
    }
    for (const { new: entry } of transitions) {
      if (entry === undefined || !isLive(entry, nowSeconds)) continue;
      for (const watch of this.#byReach.get(entry.parentId.toString())) {
        watch.has(entry);
        touched.add(watch);
      }
    }
    return [...touched].flatMap((watch) => {
      const delta = watch.takeDelta(batch.position);
      return delta === undefined ? [] : [...watch.listeners].map((listener) => ({ listener, delta }));
    });
  }

  /** Watches whose reach may have changed. */
  #restructured(batch: {
    readonly transitions: readonly EntryTransition[];
    readonly activated: Iterable<string>;
    readonly changedNodes: Iterable<string>;
    readonly nowSeconds: number;
  }): ReadonlySet<AgentWatch> {
    const found = new Set<AgentWatch>();
    for (const agentId of batch.changedNodes) {
      const watch = this.#watches.get(agentId);
      if (watch !== undefined) found.add(watch);
    }
    for (const transition of batch.transitions) {
      if (keepsItsPlace(transition, batch.nowSeconds)) continue;
      for (const entry of [transition.old, transition.new]) {
        if (entry !== undefined) this.#addConcerned(entry, found);
      }
    }
    for (const parent of batch.activated) {
      for (const link of this.#entries.entriesOf(parent)) {
        for (const watch of this.#byReach.get(link.parentId.toString())) found.add(watch);
      }
    }
    return found;
  }

  /** Adds the watches that see `entry` as a link, or as an alias of their node. */
  #addConcerned(entry: RegistrationEntry, found: Set<AgentWatch>): void {
    const [parentId, spiffeId] = [entry.parentId.toString(), entry.spiffeId.toString()];
    const leadsOn = this.#entries.hasChildren(spiffeId);
    for (const watch of this.#byReach.get(parentId)) if (leadsOn || watch.reach.has(spiffeId)) found.add(watch);
    if (parentId !== this.#serverId) return;
    for (const watch of this.#watches.values()) {
      if (matchesNode(entry.selectors, this.#nodeSelectors(watch.agentId))) found.add(watch);
    }
  }

  /** Entries in `except` are being looked at one by one; all other children of gained and lost parents come and go. */
  #moveReach(watch: AgentWatch, except: ReadonlySet<string>, nowSeconds: number): void {
    const before = watch.reach;
    this.#setReach(watch, nowSeconds);
    const gained = [...watch.reach].filter((id) => !before.has(id));
    const lost = [...before].filter((id) => !watch.reach.has(id));
    for (const entry of entriesBelow(this.#entries, gained, nowSeconds)) if (!except.has(entry.id)) watch.has(entry);
    for (const entry of entriesBelow(this.#entries, lost, nowSeconds)) if (!except.has(entry.id)) watch.had(entry.id);
  }

  #setReach(watch: AgentWatch, nowSeconds: number): void {
    const before = watch.reach;
    watch.roots = rootIds(this.#entries, this.#view(watch.agentId, nowSeconds));
    watch.reach = reachableParents(this.#entries, watch.roots, nowSeconds);
    for (const id of before) if (!watch.reach.has(id)) this.#byReach.delete(id, watch);
    for (const id of watch.reach) if (!before.has(id)) this.#byReach.add(id, watch);
  }

  #open(agentId: string, nowSeconds: number): AgentWatch {
    const watch = new AgentWatch(agentId);
    this.#watches.set(agentId, watch);
    this.#setReach(watch, nowSeconds);
    return watch;
  }

  #close(watch: AgentWatch): void {
    this.#watches.delete(watch.agentId);
    for (const id of watch.reach) this.#byReach.delete(id, watch);
  }

  #view(agentId: string, nowSeconds: number): AgentView {
    return { agentId, nodeSelectors: this.#nodeSelectors(agentId), serverId: this.#serverId, nowSeconds };
  }
}

/** Live before and after, with the same parent and SPIFFE ID, and not as an alias of other selectors. */
function keepsItsPlace({ old, new: entry }: EntryTransition, nowSeconds: number): boolean {
  if (old === undefined || entry === undefined) return false;
  const sameIds = old.parentId.equals(entry.parentId) && old.spiffeId.equals(entry.spiffeId);
  if (!sameIds || !isLive(old, nowSeconds) || !isLive(entry, nowSeconds)) return false;
  return old.selectors === entry.selectors || String(old.selectors) === String(entry.selectors);
}
