import type { Clock } from "../../runtime/core/index.ts";
import { chooseEvictions } from "../domain/eviction.ts";
import type { IdentityKey } from "../domain/identity-key.ts";
import { DueQueue } from "./due-queue.ts";
import type { HeldSvid } from "./held-svid.ts";

export interface SvidCacheOptions {
  readonly clock: Clock;
  /** Soft bound: watched SVIDs stay in any case. */
  readonly maxSize: number;
  readonly isWatched: (key: IdentityKey) => boolean;
  readonly onRenewalDue: (keys: readonly IdentityKey[]) => void;
  readonly onExpired: (keys: readonly IdentityKey[]) => void;
}

/** The X509-SVIDs at hand, expired ones left out at the moment they expire. */
export class SvidCache {
  readonly #options: SvidCacheOptions;
  readonly #held = new Map<IdentityKey, HeldSvid>();
  readonly #lastUsed = new Map<IdentityKey, number>();
  #useCount = 0;
  readonly #renewals: DueQueue<IdentityKey>;
  readonly #expirations: DueQueue<IdentityKey>;

  constructor(options: SvidCacheOptions) {
    this.#options = options;
    this.#renewals = new DueQueue(options.clock, options.onRenewalDue);
    this.#expirations = new DueQueue(options.clock, (keys) => this.#expire(keys));
  }

  get size(): number {
    return this.#held.size;
  }

  values(): IterableIterator<HeldSvid> {
    return this.#held.values();
  }

  /** Whatever is returned has not expired. */
  get(key: IdentityKey): HeldSvid | undefined {
    const held = this.#held.get(key);
    return held !== undefined && held.notAfterMs > this.#options.clock.now() ? held : undefined;
  }

  put(svid: HeldSvid): void {
    this.#held.set(svid.key, svid);
    this.#renewals.set(svid.key, svid.renewAtMs);
    this.#expirations.set(svid.key, svid.notAfterMs);
  }

  drop(key: IdentityKey): void {
    this.#held.delete(key);
    this.#lastUsed.delete(key);
    this.#renewals.delete(key);
    this.#expirations.delete(key);
  }

  clear(): void {
    this.#held.clear();
    this.#lastUsed.clear();
    this.#renewals.clear();
    this.#expirations.clear();
  }

  /** Counts as a use by a workload: the last to be evicted. */
  touch(key: IdentityKey): void {
    this.#useCount += 1;
    this.#lastUsed.set(key, this.#useCount);
  }

  /** Lets go what is beyond the bound; returns what went. */
  evict(): readonly IdentityKey[] {
    if (this.#held.size <= this.#options.maxSize) return [];
    const residents = [...this.#held.keys()].map((key) => ({
      key,
      isWatched: this.#options.isWatched(key),
      lastUsed: this.#lastUsed.get(key),
    }));
    const chosen = new Set<string>(chooseEvictions(residents, this.#options.maxSize));
    const evicted = residents.flatMap(({ key }) => (chosen.has(key) ? [key] : []));
    for (const key of evicted) this.drop(key);
    return evicted;
  }

  #expire(keys: readonly IdentityKey[]): void {
    for (const key of keys) {
      this.#held.delete(key);
      this.#renewals.delete(key);
    }
    this.#options.onExpired(keys);
  }
}
