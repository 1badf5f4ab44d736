import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Clock, Timer } from "../../runtime/core/index.ts";
import type { Selector } from "../../spiffe/index.ts";
import { isMatch, type SelectorSet, selectorSet } from "../domain/selection.ts";
import { agentLimits } from "../limits.ts";
import type { IdentitySubscription, WorkloadView } from "../ports.ts";
import { isSameContent, type ViewContent } from "./build-view.ts";
import type { EntryDiff } from "./entry-table.ts";

export interface ViewBoardDeps {
  readonly clock: Clock;
  readonly match: (workload: SelectorSet) => readonly RegistrationEntry[];
  readonly content: (matched: readonly RegistrationEntry[]) => ViewContent;
  /** A watcher came or went. */
  readonly onWatchersChange: () => void;
  /** A first watcher came for these entries. */
  readonly onWatched: (entries: readonly RegistrationEntry[]) => void;
  /** The last watcher of these entries has gone. */
  readonly onUnwatched: (entries: readonly RegistrationEntry[]) => void;
}

/** All watchers of one selector set, and the view that they share. */
interface WatchedSet {
  readonly set: SelectorSet;
  readonly waiters: Set<() => void>;
  matched: readonly RegistrationEntry[];
  view: WorkloadView;
  watchers: number;
  /** When the last watcher left; of no meaning while there are any. */
  leftAtMs: number;
}

/**
 * The views in use: one per selector set, shared by its watchers, replaced in one assignment. A watcher is told that
 * there is something newer, not what; it takes the newest, so a slow one holds no queue. A set whose last watcher left
 * stays for a moment: programs that fetch once and go come in numbers, and the next of them finds its view made.
 */
export class ViewBoard {
  readonly #deps: ViewBoardDeps;
  readonly #sets = new Map<string, WatchedSet>();
  /** By each selector of the set: entries find the sets they concern through their rarest selector. */
  readonly #bySelector = new Map<string, Set<WatchedSet>>();
  readonly #byEntry = new Map<string, Set<WatchedSet>>();
  /** Without watchers, those that were left first in front. */
  readonly #left = new Set<WatchedSet>();
  readonly #setOf = new WeakMap<readonly Selector[], SelectorSet>();
  #leaveTimer: Timer | undefined;
  #isCurrent = false;

  constructor(deps: ViewBoardDeps) {
    this.#deps = deps;
  }

  /** Selector sets with a watcher. */
  get size(): number {
    return this.#sets.size;
  }

  isWatched(entryId: string): boolean {
    return this.#byEntry.has(entryId);
  }

  subscribe(selectors: readonly Selector[]): IdentitySubscription {
    const set = this.#toSet(selectors);
    const watched = this.#sets.get(set.key) ?? this.#open(set);
    watched.watchers += 1;
    this.#left.delete(watched);
    this.#deps.onWatchersChange();
    return new Subscription(
      () => this.#fresh(watched),
      watched.waiters,
      () => this.#leave(watched),
    );
  }

  /** Matches anew what the diff concerns; the caller refreshes afterwards. */
  entriesChanged(diff: EntryDiff): void {
    const concerned = new Set<WatchedSet>();
    for (const entry of diff.removed) for (const set of this.#byEntry.get(entry.id) ?? []) concerned.add(set);
    for (const { before, after } of diff.changed) {
      if (before !== undefined) for (const set of this.#byEntry.get(after.id) ?? []) concerned.add(set);
      for (const set of this.#setsWithSelectorsOf(after)) if (isMatch(after, set.set)) concerned.add(set);
    }
    for (const set of concerned) this.#rematch(set);
  }

  /** Publishes new views of the sets that these entries are in. */
  refresh(entryIds: Iterable<string>): void {
    const concerned = new Set<WatchedSet>();
    for (const id of entryIds) for (const set of this.#byEntry.get(id) ?? []) concerned.add(set);
    for (const set of concerned) this.#publish(set);
  }

  refreshAll(): void {
    for (const set of this.#sets.values()) this.#publish(set);
  }

  /**
   * Wakes only watchers that have no identity: to them it decides between waiting and being refused. To wake all
   * others at each reconnection would make thousands of workloads load what they have already.
   */
  setCurrent(isCurrent: boolean): void {
    if (isCurrent === this.#isCurrent) return;
    this.#isCurrent = isCurrent;
    for (const watched of this.#sets.values()) {
      const isWaiting = watched.view.identities.length === 0;
      watched.view = { ...watched.view, isCurrent, version: watched.view.version + (isWaiting ? 1 : 0) };
      if (isWaiting) wake(watched);
    }
  }

  close(): void {
    this.#leaveTimer?.cancel();
  }

  #open(set: SelectorSet): WatchedSet {
    const matched = this.#deps.match(set);
    const watched: WatchedSet = {
      set,
      matched: [],
      waiters: new Set(),
      watchers: 0,
      leftAtMs: 0,
      view: { version: 1, isCurrent: this.#isCurrent, ...this.#deps.content(matched) },
    };
    this.#sets.set(set.key, watched);
    for (const value of set.values) addTo(this.#bySelector, value, watched);
    this.#assign(watched, matched);
    // Asking for watched entries may have answered at once.
    this.#publish(watched);
    return watched;
  }

  #leave(watched: WatchedSet): void {
    watched.watchers -= 1;
    this.#deps.onWatchersChange();
    if (watched.watchers > 0) return;
    watched.leftAtMs = this.#deps.clock.monotonic();
    this.#left.add(watched);
    for (const first of this.#left) {
      if (this.#left.size <= agentLimits.leftViews.value) break;
      this.#drop(first);
    }
    this.#leaveTimer ??= this.#deps.clock.setTimer(agentLimits.leftViewMs.value, () => this.#dropLeft());
  }

  #dropLeft(): void {
    const untilMs = this.#deps.clock.monotonic() - agentLimits.leftViewMs.value;
    for (const watched of this.#left) if (watched.leftAtMs <= untilMs) this.#drop(watched);
    const [next] = this.#left;
    this.#leaveTimer =
      next === undefined
        ? undefined
        : this.#deps.clock.setTimer(Math.max(1, next.leftAtMs - untilMs), () => this.#dropLeft());
  }

  #drop(watched: WatchedSet): void {
    this.#left.delete(watched);
    this.#assign(watched, []);
    this.#sets.delete(watched.set.key);
    for (const value of watched.set.values) removeFrom(this.#bySelector, value, watched);
  }

  /** Attestation hands out one array for equal callers. */
  #toSet(selectors: readonly Selector[]): SelectorSet {
    const known = this.#setOf.get(selectors);
    if (known !== undefined) return known;
    const set = selectorSet(selectors);
    this.#setOf.set(selectors, set);
    return set;
  }

  #rematch(watched: WatchedSet): void {
    this.#assign(watched, this.#deps.match(watched.set));
    this.#publish(watched);
  }

  #assign(watched: WatchedSet, matched: readonly RegistrationEntry[]): void {
    const before = watched.matched;
    watched.matched = matched;
    const ids = new Set(matched.map(({ id }) => id));
    const first = matched.filter(({ id }) => !this.#byEntry.has(id));
    for (const { id } of matched) addTo(this.#byEntry, id, watched);
    for (const { id } of before) if (!ids.has(id)) removeFrom(this.#byEntry, id, watched);
    const last = before.filter(({ id }) => !ids.has(id) && !this.#byEntry.has(id));
    if (first.length > 0) this.#deps.onWatched(first);
    if (last.length > 0) this.#deps.onUnwatched(last);
  }

  #publish(watched: WatchedSet): void {
    const content = this.#deps.content(watched.matched);
    if (isSameContent(content, watched.view)) return;
    watched.view = { ...content, version: watched.view.version + 1, isCurrent: this.#isCurrent };
    wake(watched);
  }

  /** Timers may be late (a suspended machine), so an SVID that expired is also noticed by whoever looks. */
  #fresh(watched: WatchedSet): WorkloadView {
    const nowMs = this.#deps.clock.now();
    if (watched.view.identities.some(({ expiresAtMs }) => expiresAtMs <= nowMs)) this.#publish(watched);
    return watched.view;
  }

  #setsWithSelectorsOf(entry: RegistrationEntry): Iterable<WatchedSet> {
    let fewest: ReadonlySet<WatchedSet> | undefined;
    for (const selector of entry.selectors) {
      const sets = this.#bySelector.get(selector.toString());
      if (sets === undefined) return [];
      if (fewest === undefined || sets.size < fewest.size) fewest = sets;
    }
    return fewest ?? [];
  }
}

class Subscription implements IdentitySubscription {
  readonly #read: () => WorkloadView;
  readonly #waiters: Set<() => void>;
  readonly #leave: () => void;
  #seenVersion = 0;
  #isOpen = true;

  constructor(read: () => WorkloadView, waiters: Set<() => void>, leave: () => void) {
    this.#read = read;
    this.#waiters = waiters;
    this.#leave = leave;
  }

  get view(): WorkloadView {
    const view = this.#read();
    this.#seenVersion = view.version;
    return view;
  }

  /** Compares with what this subscription handed out last, so nothing that came in between is missed. */
  async changed(signal: AbortSignal): Promise<WorkloadView> {
    signal.throwIfAborted();
    while (this.#read().version === this.#seenVersion) await this.#woken(signal);
    return this.view;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#leave();
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters;
      const done = (): void => {
        waiters.delete(done);
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        waiters.delete(done);
        reject(signal.reason);
      };
      waiters.add(done);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

function wake(watched: WatchedSet): void {
  for (const waiter of [...watched.waiters]) waiter();
}

function addTo<T>(index: Map<string, Set<T>>, key: string, item: T): void {
  const items = index.get(key) ?? new Set<T>();
  items.add(item);
  index.set(key, items);
}

function removeFrom<T>(index: Map<string, Set<T>>, key: string, item: T): void {
  const items = index.get(key);
  items?.delete(item);
  if (items?.size === 0) index.delete(key);
}
