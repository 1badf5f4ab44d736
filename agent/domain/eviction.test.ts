import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { chooseEvictions } from "./eviction.ts";

const residents = fc.uniqueArray(
  fc.record({
    key: fc.string({ minLength: 1, maxLength: 6 }),
    isWatched: fc.boolean(),
    lastUsed: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
  }),
  { selector: ({ key }) => key, maxLength: 40 },
);

describe("chooseEvictions()", () => {
  it("never evicts a watched SVID and reaches the bound whenever unwatched ones suffice", () => {
    fc.assert(
      fc.property(residents, fc.integer({ min: 0, max: 45 }), (all, maxSize) => {
        const evicted = new Set(chooseEvictions(all, maxSize));
        const watched = all.filter(({ isWatched }) => isWatched);
        for (const { key } of watched) assert.ok(!evicted.has(key));
        assert.equal(all.length - evicted.size, Math.min(all.length, Math.max(maxSize, watched.length)));
      }),
    );
  });

  it("keeps nothing that was used longer ago than something it evicts", () => {
    fc.assert(
      fc.property(residents, fc.integer({ min: 0, max: 45 }), (all, maxSize) => {
        const evicted = new Set(chooseEvictions(all, maxSize));
        const use = (lastUsed: number | undefined): number => lastUsed ?? -1;
        const gone = all.filter(({ key }) => evicted.has(key)).map(({ lastUsed }) => use(lastUsed));
        const kept = all.filter(({ key, isWatched }) => !evicted.has(key) && !isWatched);
        for (const { lastUsed } of kept) for (const other of gone) assert.ok(use(lastUsed) >= other);
      }),
    );
  });

  it("lets a prefetched SVID go before one that was used", () => {
    const all = [
      { key: "used", isWatched: false, lastUsed: 1 },
      { key: "prefetched", isWatched: false, lastUsed: undefined },
    ];
    assert.deepEqual(chooseEvictions(all, 1), ["prefetched"]);
  });
});
