import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { IssuedJwtSvid, ServerLink, SyncDistrust } from "../../proto/domain/link.ts";
import type { Clock, Random, TaskGroup } from "../../runtime/core/index.ts";
import type { Selector, SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { type IdentityKey, identityKeyOf, jwtFingerprint, x509Fingerprint } from "../domain/identity-key.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits } from "../limits.ts";
import type { Identities, IdentitySubscription } from "../ports.ts";
import type { HeldResources } from "../sync/polling/held-resources.ts";
import type { AgentEvents } from "../telemetry/events.ts";
import { buildViewContent } from "./build-view.ts";
import { BundleTable } from "./bundle-table.ts";
import { type EntryChange, EntryTable } from "./entry-table.ts";
import type { HeldSvid } from "./held-svid.ts";
import { JwtSvids } from "./jwt-svids.ts";
import { Replacements } from "./replacements.ts";
import { SvidAnswers } from "./svid-answers.ts";
import { SvidCache } from "./svid-cache.ts";
import { SvidDemand } from "./svid-demand.ts";
import { type SvidAnswer, SvidFetcher } from "./svid-fetcher.ts";
import { ViewBoard } from "./view-board.ts";
import type { MakeWorkloadKey } from "./workload-keys.ts";

export interface IdentitiesDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly link: Pick<ServerLink, "batchNewX509Svid" | "newJwtSvid">;
  readonly events: AgentEvents;
  readonly makeKey: MakeWorkloadKey;
  readonly ownBundle: SpiffeBundle;
  readonly x509CacheMaxSize: number;
  readonly jwtCacheMaxSize: number;
  /** Something that is worth storing has changed. */
  readonly onChange: () => void;
  /** A watcher came or went. */
  readonly onWatchersChange: () => void;
  /** `pendingIds()` or `distrustedIds()` has changed. */
  readonly onPendingChange: () => void;
  /** `isReplacementDue` has changed. */
  readonly onReplacementDue: () => void;
}

/**
 * What the agent's workloads may have. The one owner of entries, bundles, SVIDs and views: everything is changed here,
 * in one synchronous step per event, so a watcher never sees half of a change.
 */
export class AgentIdentities implements Identities {
  readonly #deps: IdentitiesDeps;
  readonly #entries = new EntryTable();
  readonly #bundles: BundleTable;
  readonly #cache: SvidCache;
  readonly #fetcher: SvidFetcher;
  readonly #demand: SvidDemand;
  readonly #answers: SvidAnswers;
  readonly #jwts: JwtSvids;
  readonly #board: ViewBoard;
  readonly #replacements: Replacements;
  readonly #withheld = new Map<IdentityKey, string>();
  readonly #interestListeners = new Set<() => void>();

  constructor(deps: IdentitiesDeps, tasks: TaskGroup) {
    this.#deps = deps;
    const { clock, random, link, makeKey } = deps;
    this.#bundles = new BundleTable(deps.ownBundle);
    this.#replacements = new Replacements({ clock, random, onDue: () => this.#replaceDistrusted() });
    this.#cache = new SvidCache({
      clock,
      maxSize: deps.x509CacheMaxSize,
      isWatched: (key) => this.#board.isWatched(key),
      onRenewalDue: (keys) => this.#demand.want(keys),
      onExpired: (keys) => this.#expired(keys),
    });
    this.#fetcher = new SvidFetcher(
      {
        clock,
        random,
        link,
        makeKey,
        entryOf: (key) => this.#entries.get(key),
        urgencyOf: (key) => this.#demand.urgencyOf(key),
        onAnswers: (answers) => this.#take(answers),
        onBatchFailed: (error, size, delayMs) => deps.events.svidBatchFailed(error, size, delayMs),
      },
      tasks,
    );
    this.#demand = new SvidDemand({
      clock,
      entries: this.#entries,
      cache: this.#cache,
      fetcher: this.#fetcher,
      maxSize: deps.x509CacheMaxSize,
      isWatched: (key) => this.#board.isWatched(key),
      isDistrusted: (authorityId) => this.isDistrusted(authorityId),
      isReplacementDue: (authorityId) => this.isReplacementDue(authorityId),
    });
    this.#answers = new SvidAnswers({
      clock,
      events: deps.events,
      entries: this.#entries,
      cache: this.#cache,
      fetcher: this.#fetcher,
      withheld: this.#withheld,
      isDistrusted: (authorityId) => this.isDistrusted(authorityId),
    });
    this.#jwts = new JwtSvids({
      clock,
      link,
      maxSize: deps.jwtCacheMaxSize,
      isDistrusted: (authorityId) => this.#bundles.isDistrusted("jwt", authorityId),
      onServerFailed: (error) => deps.events.jwtFailed(error),
    });
    this.#board = new ViewBoard({
      clock,
      // SVIDs of such entries go to a store, not to workloads on this host.
      match: (workload) => this.#entries.matching(workload).filter(({ storeSvid }) => !storeSvid),
      content: (matched) => this.#content(matched),
      onWatchersChange: () => deps.onWatchersChange(),
      onWatched: (entries) => this.#watched(entries),
      onUnwatched: (entries) => this.#unwatched(entries),
    });
  }

  get trustDomain(): TrustDomain {
    return this.#bundles.trustDomain;
  }

  get ownBundle(): SpiffeBundle {
    return this.#bundles.own;
  }

  subscribe(selectors: readonly Selector[]): IdentitySubscription {
    return this.#board.subscribe(selectors);
  }

  wantsSelector(type: string, prefix: string): boolean {
    return this.#entries.hasSelector(type, prefix);
  }

  onInterestChange(listener: () => void): () => void {
    // Wrapped, so that one function registered twice is two registrations.
    const registered = (): void => listener();
    this.#interestListeners.add(registered);
    return () => void this.#interestListeners.delete(registered);
  }

  async jwtSvid(entryId: string, audience: readonly string[], signal: AbortSignal): Promise<IssuedJwtSvid> {
    const entry = this.#entries.get(entryId);
    if (entry === undefined) throw agentErrors.error("ERR_ENTRY_GONE", "the entry of this identity is gone");
    const svid = await this.#jwts.get(entry, audience, signal);
    return { ...svid, hint: entry.hint };
  }

  bundle(trustDomain: TrustDomain): SpiffeBundle | undefined {
    return this.#bundles.get(trustDomain);
  }

  /** For whoever compares a server's answer with it; changes as this does. */
  get held(): HeldResources {
    return {
      entry: (id) => this.#entries.get(id),
      entries: () => this.#entries.values(),
      ownBundle: () => this.#bundles.own,
      foreignBundles: () => this.#bundles.foreign(),
    };
  }

  /** Of the entries held; see proto/domain/digest.ts. */
  entryDigest(): string {
    return this.#entries.digestHex();
  }

  counts(): { readonly entries: number; readonly x509Svids: number; readonly jwtSvids: number } {
    return { entries: this.#entries.size, x509Svids: this.#cache.size, jwtSvids: this.#jwts.size };
  }

  /** Entries whose X509-SVID is wanted, and is not yet here in the form the entry now asks for. */
  pendingIds(): readonly string[] {
    return this.#demand.pendingIds();
  }

  applyEntries(change: EntryChange): void {
    const diff = this.#entries.apply(change);
    for (const entry of diff.removed) this.#remove(entry);
    for (const { before, after } of diff.changed) if (before !== undefined) this.#updated(before, after);
    this.#board.entriesChanged(diff);
    for (const { after } of diff.changed) this.#demand.want([identityKeyOf(after)]);
    if (diff.removed.length > 0) this.#demand.prefetch();
    // A change of what is not in the SVID (hint, federates_with) shows in the view at once.
    this.#board.refresh(diff.changed.map(({ after }) => after.id));
    if (diff.changed.length + diff.removed.length === 0) return;
    for (const listener of [...this.#interestListeners]) listener();
    this.#deps.onChange();
  }

  applyBundles(change: Parameters<BundleTable["apply"]>[0]): void {
    this.#bundles.apply(change);
    // What has left the bundle serves nobody any more: no time is to be lost.
    this.#distrustChanged((id) => (this.#bundles.isGone(id) ? "at once" : agentLimits.replacementSpreadMs.value));
    this.#board.refreshAll();
    this.#deps.onChange();
  }

  applyDistrust(change: {
    readonly isSnapshot: boolean;
    readonly upserts: readonly Omit<SyncDistrust, "kind">[];
    readonly removed: readonly string[];
  }): void {
    if (change.isSnapshot) this.#bundles.resetDistrust();
    this.#bundles.trustAgain(change.removed);
    const spreads = new Map<string, number>();
    for (const { authority, authorityId, spreadMs } of change.upserts) {
      this.#bundles.distrust(authority, [authorityId]);
      if (authority !== "x509") continue;
      spreads.set(authorityId, Math.min(spreadMs, agentLimits.replacementSpreadMaxMs.value));
    }
    this.#distrustChanged((id) => spreads.get(id) ?? 0);
    this.#deps.onChange();
  }

  isDistrusted(authorityId: string): boolean {
    return this.#bundles.isDistrusted("x509", authorityId);
  }

  /** The moment has come to replace what the authority signed. */
  isReplacementDue(authorityId: string): boolean {
    return this.#replacements.isDue(authorityId);
  }

  /** Entries whose X509-SVID still rests on a distrusted authority. */
  distrustedIds(): readonly string[] {
    return this.#underDistrust().map(({ key }) => this.#entries.get(key)?.id ?? key);
  }

  /** The agent's view is that of the server as of now, or no longer. */
  setCurrent(isCurrent: boolean): void {
    this.#board.setCurrent(isCurrent);
    if (isCurrent) this.#fetcher.resume();
  }

  /** What our own store had. No watcher is there yet that could see entries without their SVIDs. */
  restore(entries: readonly RegistrationEntry[], svids: readonly HeldSvid[]): void {
    const byKey = new Map(svids.map((svid) => [svid.key, svid]));
    for (const entry of entries) {
      const svid = byKey.get(identityKeyOf(entry));
      if (svid !== undefined && svid.notAfterMs > this.#deps.clock.now()) this.#cache.put(svid);
    }
    this.applyEntries({ isSnapshot: true, upserts: entries, removed: [] });
  }

  /** Everything that is worth storing. */
  contents(): {
    readonly entries: readonly RegistrationEntry[];
    readonly svids: readonly HeldSvid[];
    readonly foreignBundles: readonly SpiffeBundle[];
    readonly distrusted: { readonly x509: readonly string[]; readonly jwt: readonly string[] };
  } {
    return {
      entries: [...this.#entries.values()],
      svids: [...this.#cache.values()],
      foreignBundles: this.#bundles.foreign(),
      distrusted: { x509: this.#bundles.distrustedIds("x509"), jwt: this.#bundles.distrustedIds("jwt") },
    };
  }

  /** After a ban: no workload has anything any more, and nothing is left in memory. */
  wipe(): void {
    this.applyEntries({ isSnapshot: true, upserts: [], removed: [] });
    this.#cache.clear();
    this.#jwts.clear();
    this.#fetcher.forgetAll();
    this.#withheld.clear();
    this.#board.refreshAll();
  }

  /** Is there an SVID that a workload could still be given? */
  hasServableSvid(): boolean {
    const nowMs = this.#deps.clock.now();
    for (const { notAfterMs } of this.#cache.values()) if (notAfterMs > nowMs) return true;
    return false;
  }

  close(): void {
    this.#replacements.close();
    this.#fetcher.close();
    this.#cache.clear();
    this.#board.close();
  }

  #content(matched: readonly RegistrationEntry[]) {
    return buildViewContent(matched, {
      heldOf: (key) => this.#cache.get(key),
      withheldCodeOf: (key) => this.#withheld.get(key) ?? "ERR_SVID_PENDING",
      ownBundle: () => this.#bundles.own,
      foreignBundle: (trustDomain) => this.#bundles.get(trustDomain),
    });
  }

  #remove(entry: RegistrationEntry): void {
    const key = identityKeyOf(entry);
    this.#cache.drop(key);
    this.#fetcher.forget(key);
    this.#withheld.delete(key);
    this.#jwts.forget(entry);
  }

  #updated(before: RegistrationEntry, after: RegistrationEntry): void {
    const key = identityKeyOf(after);
    if (jwtFingerprint(before) !== jwtFingerprint(after)) this.#jwts.forget(after);
    // What the server refused for the old form it may grant for the new one.
    if (x509Fingerprint(before) !== x509Fingerprint(after)) {
      this.#withheld.delete(key);
      this.#fetcher.forget(key);
    }
    if (!before.spiffeId.equals(after.spiffeId)) this.#cache.drop(key);
  }

  #watched(entries: readonly RegistrationEntry[]): void {
    for (const entry of entries) {
      const key = identityKeyOf(entry);
      this.#cache.touch(key);
      this.#demand.want([key]);
    }
  }

  #unwatched(entries: readonly RegistrationEntry[]): void {
    for (const entry of entries) {
      const key = identityKeyOf(entry);
      if (this.#cache.get(key) !== undefined) this.#cache.touch(key);
      else if (!this.#demand.mayPrefetch(entry)) this.#fetcher.forget(key);
    }
    this.#cache.evict();
  }

  #expired(keys: readonly IdentityKey[]): void {
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      if (!this.#withheld.has(key)) this.#withheld.set(key, "ERR_SVID_EXPIRED");
      this.#deps.events.svidExpired(entry);
    }
    this.#demand.want(keys);
    this.#board.refresh(keys);
    this.#deps.onChange();
  }

  #take(answers: readonly SvidAnswer[]): void {
    const concerned = this.#answers.take(answers);
    this.#cache.evict();
    this.#board.refresh(concerned);
    this.#deps.onChange();
    this.#deps.onPendingChange();
  }

  #distrustChanged(spreadMsOf: (authorityId: string) => number | "at once"): void {
    this.#jwts.dropDistrusted();
    this.#replacements.update(this.#bundles.allDistrustedX509(), spreadMsOf);
  }

  #replaceDistrusted(): void {
    const concerned = this.#underDistrust();
    if (concerned.length > 0) {
      this.#deps.events.distrusted(concerned.length);
      this.#demand.want(concerned.map(({ key }) => key));
    }
    this.#deps.onReplacementDue();
  }

  #underDistrust(): readonly HeldSvid[] {
    const distrusted = this.#bundles.allDistrustedX509();
    if (distrusted.size === 0) return [];
    return [...this.#cache.values()].filter(({ authorityIds }) => authorityIds.some((id) => distrusted.has(id)));
  }
}
