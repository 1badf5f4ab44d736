import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { type IdentityKey, identityKeyOf, x509Fingerprint } from "../domain/identity-key.ts";
import type { EntryTable } from "./entry-table.ts";
import type { SvidCache } from "./svid-cache.ts";
import type { SvidFetcher } from "./svid-fetcher.ts";

export interface SvidDemandDeps {
  readonly clock: Clock;
  readonly entries: Pick<EntryTable, "get" | "values">;
  readonly cache: Pick<SvidCache, "get" | "size">;
  readonly fetcher: Pick<SvidFetcher, "want" | "wanted" | "newcomers">;
  readonly maxSize: number;
  isWatched(key: IdentityKey): boolean;
  isDistrusted(authorityId: string): boolean;
  isReplacementDue(authorityId: string): boolean;
}

/** Which X509-SVIDs are to be asked for, and what comes first. Keeps nothing of its own. */
export class SvidDemand {
  readonly #deps: SvidDemandDeps;

  constructor(deps: SvidDemandDeps) {
    this.#deps = deps;
  }

  /** Asks for an SVID where one is due and may be kept. */
  want(keys: readonly IdentityKey[]): void {
    const { entries, cache, fetcher } = this.#deps;
    for (const key of keys) {
      const entry = entries.get(key);
      if (entry === undefined) continue;
      const isWatched = this.#deps.isWatched(key);
      if (!isWatched && !this.mayPrefetch(entry)) continue;
      if (this.#isUpToDate(entry) && !this.#isRenewalDue(key)) continue;
      const isNewcomer = cache.get(key) === undefined;
      fetcher.want(key, { isUrgent: isWatched && isNewcomer, isNewcomer });
    }
  }

  /** There may be room again. */
  prefetch(): void {
    for (const entry of this.#deps.entries.values()) {
      if (!this.#hasRoom()) return;
      const key = identityKeyOf(entry);
      if (this.#deps.cache.get(key) === undefined) this.want([key]);
    }
  }

  /** What is held already keeps its place. */
  mayPrefetch(entry: RegistrationEntry): boolean {
    if (entry.storeSvid) return false;
    if (this.#deps.cache.get(identityKeyOf(entry)) !== undefined) return true;
    if (entry.additionalAttributes?.disableX509SvidPrefetch === true) return false;
    return this.#hasRoom();
  }

  /** Waiting workloads first, then what must be replaced, then what expires next. */
  urgencyOf(key: IdentityKey): number {
    const { entries, cache, isDistrusted } = this.#deps;
    const held = cache.get(key);
    const isWatched = this.#deps.isWatched(key);
    if (held === undefined) return isWatched ? 0 : 2;
    const entry = entries.get(key);
    if (entry !== undefined && held.fingerprint !== x509Fingerprint(entry)) return isWatched ? 1 : 3;
    if (held.authorityIds.some((id) => isDistrusted(id))) return isWatched ? 1 : 3;
    return held.notAfterMs;
  }

  /** Entries whose X509-SVID is wanted, and is not yet here in the form the entry now asks for. */
  pendingIds(): readonly string[] {
    const pending: string[] = [];
    for (const key of this.#deps.fetcher.wanted()) {
      const entry = this.#deps.entries.get(key);
      if (entry !== undefined && !this.#isUpToDate(entry)) pending.push(entry.id);
    }
    return pending;
  }

  #hasRoom(): boolean {
    return this.#deps.cache.size + this.#deps.fetcher.newcomers < this.#deps.maxSize;
  }

  #isUpToDate(entry: RegistrationEntry): boolean {
    return this.#deps.cache.get(identityKeyOf(entry))?.fingerprint === x509Fingerprint(entry);
  }

  #isRenewalDue(key: IdentityKey): boolean {
    const held = this.#deps.cache.get(key);
    if (held === undefined) return true;
    if (held.renewAtMs <= this.#deps.clock.now()) return true;
    return held.authorityIds.some((id) => this.#deps.isReplacementDue(id));
  }
}
