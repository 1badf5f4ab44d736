import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { backdateSeconds, type LifetimeLimits, lifetime } from "./lifetime.ts";

const now = 1_767_225_600;
const limits: LifetimeLimits = {
  ttl: 0,
  defaultTtl: 3600,
  maxTtl: 86_400,
  issuerNotAfter: now + 86_400,
  notAfterCap: 0,
};

describe("lifetime()", () => {
  const cases: readonly [string, Partial<LifetimeLimits>, number][] = [
    ["the default when nothing is asked for", {}, 3600],
    ["what is asked for", { ttl: 60 }, 60],
    ["the maximum when more is asked for", { ttl: 100_000, issuerNotAfter: now + 200_000 }, 86_400],
    ["the issuer's end when that is sooner", { issuerNotAfter: now + 600 }, 600],
    ["the entry's end when that is sooner", { notAfterCap: now + 90 }, 90],
    ["one second when that is what is left", { notAfterCap: now + 1 }, 1],
  ];
  for (const [name, changes, life] of cases) {
    it(`gives ${name}`, () => {
      assert.equal(lifetime({ ...limits, ...changes }, now * 1000).notAfter, now + life);
    });
  }

  for (const changes of [{ notAfterCap: now }, { notAfterCap: now - 1 }, { issuerNotAfter: now }, { maxTtl: 0 }]) {
    it(`refuses when nothing is left: ${JSON.stringify(changes)}`, () => {
      assert.throws(() => lifetime({ ...limits, ...changes }, now * 1000), { code: "ERR_SVID_LIFETIME" });
    });
  }

  it("refuses less than a second", () => {
    assert.throws(() => lifetime({ ...limits, notAfterCap: now + 1 }, now * 1000 + 1), { code: "ERR_SVID_LIFETIME" });
  });

  it("gives the shortest life that can be asked for at any millisecond", () => {
    assert.equal(lifetime({ ...limits, ttl: 1 }, now * 1000 + 999).notAfter, now + 1);
  });

  it("is never longer than any limit and begins before now", () => {
    const seconds = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(seconds, seconds, seconds, seconds, fc.integer({ min: 0, max: 999 }), (ttl, max, issuer, cap, ms) => {
        const all = {
          ttl,
          defaultTtl: 3600,
          maxTtl: max,
          issuerNotAfter: now + issuer,
          notAfterCap: cap === 0 ? 0 : now + cap,
        };
        try {
          const { notBefore, notAfter } = lifetime(all, now * 1000 + ms);
          assert.ok(notAfter <= now + max && notAfter <= now + issuer);
          if (ttl > 0) assert.ok(notAfter <= now + ttl);
          if (cap > 0) assert.ok(notAfter <= now + cap);
          assert.ok(notBefore <= now && notBefore >= now - 10 && notAfter > now);
        } catch (error) {
          assert.ok(error instanceof Error && "code" in error && error.code === "ERR_SVID_LIFETIME");
          assert.ok(max < 1 || Math.min(issuer, cap === 0 ? issuer : cap) * 1000 - ms < 1000);
        }
      }),
    );
  });
});

describe("backdateSeconds()", () => {
  it("is ten seconds, or a quarter of a short life", () => {
    assert.deepEqual([1, 4, 20, 40, 3600].map(backdateSeconds), [0, 1, 5, 10, 10]);
  });
});
