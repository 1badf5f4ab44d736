/** An SVID in the cache, as far as keeping it is concerned. */
export interface CacheResident {
  readonly key: string;
  /** Somebody waits for its updates. */
  readonly isWatched: boolean;
  /** When a workload last had use of it; `undefined` = prefetched, never used. Any monotone number. */
  readonly lastUsed: number | undefined;
}

/**
 * Which SVIDs to let go so that at most `maxSize` remain: never a watched one, so the bound is soft; among the others
 * those never used first, then those whose last use is longest ago; ties by key.
 */
export function chooseEvictions(residents: Iterable<CacheResident>, maxSize: number): readonly string[] {
  const all = [...residents];
  const excess = all.length - maxSize;
  if (excess <= 0) return [];
  return all
    .filter(({ isWatched }) => !isWatched)
    .sort(compareUse)
    .slice(0, excess)
    .map(({ key }) => key);
}

function compareUse(left: CacheResident, right: CacheResident): number {
  const leftUsed = left.lastUsed ?? Number.NEGATIVE_INFINITY;
  const rightUsed = right.lastUsed ?? Number.NEGATIVE_INFINITY;
  if (leftUsed !== rightUsed) return leftUsed < rightUsed ? -1 : 1;
  return left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
}
