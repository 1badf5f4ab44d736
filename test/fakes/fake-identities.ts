import { selectorSet, withUniqueHints } from "../../agent/domain/selection.ts";
import { agentErrors } from "../../agent/errors.ts";
import type {
  Identities,
  IdentitySubscription,
  WithheldIdentity,
  WorkloadIdentity,
  WorkloadView,
} from "../../agent/ports.ts";
import type { IssuedJwtSvid } from "../../proto/domain/link.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { Selector, type SpiffeBundle, SpiffeId, type TrustDomain } from "../../spiffe/index.ts";
import type { TestAuthority } from "./test-authority.ts";

export interface FakeEntry {
  readonly entryId: string;
  readonly path: string;
  readonly selectors: readonly string[];
  readonly hint?: string;
  readonly federatesWith?: readonly TrustDomain[];
  readonly dnsNames?: readonly string[];
  /** A code: matches, but has no servable SVID. */
  readonly withheld?: string;
}

interface Held {
  readonly entry: FakeEntry;
  readonly identity: WorkloadIdentity;
}

const hourMs = 3_600_000;

/**
 * `Identities` with real SVIDs and no server: entries are put and taken by the test, in the order in which they are to
 * be served. Watchers of one selector set share their views, as in the agent.
 */
export class FakeIdentities implements Identities {
  readonly trustDomain: TrustDomain;
  readonly #authority: TestAuthority;
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();
  readonly #foreign = new Map<string, SpiffeBundle>();
  readonly #views = new Map<string, WorkloadView>();
  readonly #waiting = new Set<() => void>();
  readonly #interestListeners = new Set<() => void>();
  #ownBundle: SpiffeBundle;
  #version = 1;
  #isCurrent = true;
  #lifetimeMs = hourMs;
  /** Set: `jwtSvid` rejects with it. */
  jwtFailure: Error | undefined;
  subscriptions = 0;
  jwtRequests = 0;

  constructor(authority: TestAuthority, clock: Clock, ownBundle: SpiffeBundle = authority.bundle()) {
    this.trustDomain = authority.trustDomain;
    this.#authority = authority;
    this.#clock = clock;
    this.#ownBundle = ownBundle;
  }

  set lifetimeMs(value: number) {
    this.#lifetimeMs = value;
  }

  idOf(path: string): SpiffeId {
    return SpiffeId.of(this.trustDomain, path);
  }

  /** Adds or replaces; a replaced entry keeps its place and gets a new SVID. */
  put(...entries: readonly FakeEntry[]): void {
    for (const entry of entries) this.#held.set(entry.entryId, { entry, identity: this.#issue(entry) });
    this.#changed();
    this.announceEntries();
  }

  remove(entryId: string): void {
    this.#held.delete(entryId);
    this.#changed();
    this.announceEntries();
  }

  /** As after a change of entries that concerns no open view. */
  announceEntries(): void {
    for (const listener of [...this.#interestListeners]) listener();
  }

  /** New SVIDs for these entries, or for all. */
  rotate(...entryIds: readonly string[]): void {
    for (const [entryId, { entry }] of this.#held) {
      if (entryIds.length > 0 && !entryIds.includes(entryId)) continue;
      this.#held.set(entryId, { entry, identity: this.#issue(entry) });
    }
    this.#changed();
  }

  setOwnBundle(bundle: SpiffeBundle): void {
    this.#ownBundle = bundle;
    this.#changed();
  }

  setForeignBundle(bundle: SpiffeBundle): void {
    this.#foreign.set(bundle.trustDomain.name, bundle);
    this.#changed();
  }

  removeForeignBundle(trustDomain: TrustDomain): void {
    this.#foreign.delete(trustDomain.name);
    this.#changed();
  }

  setCurrent(isCurrent: boolean): void {
    this.#isCurrent = isCurrent;
    this.#changed();
  }

  subscribe(selectors: readonly Selector[]): IdentitySubscription {
    const workload = selectorSet(selectors);
    const viewNow = (): WorkloadView => this.#view(workload);
    this.subscriptions += 1;
    let isOpen = true;
    return {
      get view() {
        return viewNow();
      },
      changed: (signal) => this.#nextView(viewNow, signal),
      close: () => {
        if (isOpen) this.subscriptions -= 1;
        isOpen = false;
      },
    };
  }

  wantsSelector(type: string, prefix: string): boolean {
    const start = `${type}:${prefix}`;
    return [...this.#held.values()].some(({ entry }) => entry.selectors.some((selector) => selector.startsWith(start)));
  }

  onInterestChange(listener: () => void): () => void {
    this.#interestListeners.add(listener);
    return () => void this.#interestListeners.delete(listener);
  }

  async jwtSvid(entryId: string, audience: readonly string[]): Promise<IssuedJwtSvid> {
    this.jwtRequests += 1;
    if (this.jwtFailure !== undefined) throw this.jwtFailure;
    const held = this.#held.get(entryId);
    if (held === undefined) throw agentErrors.error("ERR_ENTRY_GONE", "the entry is gone");
    const { id, hint } = held.identity;
    const issuedAt = Math.floor(this.#clock.now() / 1_000);
    const expiresAt = issuedAt + 300;
    return { id, hint, issuedAt, expiresAt, token: this.#authority.jwtSvid(id, audience, issuedAt, expiresAt) };
  }

  bundle(trustDomain: TrustDomain): SpiffeBundle | undefined {
    return trustDomain.equals(this.trustDomain) ? this.#ownBundle : this.#foreign.get(trustDomain.name);
  }

  #issue(entry: FakeEntry): WorkloadIdentity {
    const id = this.idOf(entry.path);
    const now = this.#clock.now();
    const expiresAtMs = now + this.#lifetimeMs;
    const lifetime = { notBeforeMs: now - 10_000, notAfterMs: expiresAtMs };
    const { chainDer, keyDer } = this.#authority.x509Svid(id, lifetime, entry.dnsNames);
    const { entryId, hint = "", federatesWith = [] } = entry;
    return { entryId, id, hint, federatesWith, chainDer, keyDer, expiresAtMs };
  }

  #view(workload: ReturnType<typeof selectorSet>): WorkloadView {
    const known = this.#views.get(workload.key);
    if (known !== undefined) return known;
    const view = this.#makeView(workload.values);
    this.#views.set(workload.key, view);
    return view;
  }

  #makeView(values: ReadonlySet<string>): WorkloadView {
    const matched = [...this.#held.values()].filter(({ entry }) =>
      entry.selectors.every((selector) => values.has(Selector.parse(selector).toString())),
    );
    const served = withUniqueHints(matched.map(({ entry, identity }) => ({ entry, identity, hint: identity.hint })));
    const identities = served.filter(({ entry }) => entry.withheld === undefined).map(({ identity }) => identity);
    const withheld: WithheldIdentity[] = [];
    for (const { entry, identity } of served) {
      if (entry.withheld === undefined) continue;
      withheld.push({ entryId: entry.entryId, id: identity.id, code: entry.withheld });
    }
    const federated = new Set(identities.flatMap(({ federatesWith }) => federatesWith.map(({ name }) => name)));
    const federatedBundles = [...this.#foreign.values()].filter(({ trustDomain }) => federated.has(trustDomain.name));
    const { ownBundle, isCurrent, version } = {
      ownBundle: this.#ownBundle,
      isCurrent: this.#isCurrent,
      version: this.#version,
    };
    return { version, identities, ownBundle, federatedBundles, withheld, isCurrent };
  }

  async #nextView(viewNow: () => WorkloadView, signal: AbortSignal): Promise<WorkloadView> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(wake);
        reject(signal.reason);
      };
      const wake = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", onAbort, { once: true });
    });
    return viewNow();
  }

  #changed(): void {
    this.#version += 1;
    this.#views.clear();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
