import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { issuedAtMs, renewAtMs, renewalOffset } from "./renewal.ts";

const base = Date.UTC(2026, 0, 1);
const lives = fc
  .record({
    from: fc.integer({ min: 0, max: 10 ** 9 }),
    lifeMs: fc.integer({ min: 1, max: 10 * 365 * 86_400_000 }),
  })
  .map(({ from, lifeMs }) => ({ notBeforeMs: base + from, notAfterMs: base + from + lifeMs }));
const offsets = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("renewAtMs()", () => {
  it("is never before notBefore and always before notAfter", () => {
    fc.assert(
      fc.property(lives, offsets, (life, offset) => {
        const at = renewAtMs(life, offset);
        assert.ok(at >= life.notBeforeMs, "before notBefore");
        assert.ok(at < life.notAfterMs, "not before notAfter");
      }),
    );
  });

  it("leaves between 45 % and 55 % of the real life", () => {
    fc.assert(
      fc.property(lives, offsets, (life, offset) => {
        const left = life.notAfterMs - renewAtMs(life, offset);
        const real = life.notAfterMs - issuedAtMs(life);
        assert.ok(left >= real * 0.4499 && left <= real * 0.5501);
      }),
    );
  });

  it("does not come earlier when the SVID ends later or the offset grows", () => {
    fc.assert(
      fc.property(lives, offsets, offsets, fc.integer({ min: 0, max: 86_400_000 }), (life, first, second, more) => {
        const longer = { ...life, notAfterMs: life.notAfterMs + more };
        assert.ok(renewAtMs(longer, first) >= renewAtMs(life, first) - 0.001);
        const [low, high] = first <= second ? [first, second] : [second, first];
        assert.ok(renewAtMs(life, low) <= renewAtMs(life, high));
      }),
    );
  });

  it("counts from the issue, not from the backdated notBefore, for a life of seconds", () => {
    // 4 s of life, set back by 1 s.
    const life = { notBeforeMs: base - 1_000, notAfterMs: base + 4_000 };
    assert.equal(issuedAtMs(life), base);
    assert.equal(renewAtMs(life, 0.5), base + 2_000);
  });

  it("takes off ten seconds for a life of an hour", () => {
    const life = { notBeforeMs: base - 10_000, notAfterMs: base + 3_600_000 };
    assert.equal(issuedAtMs(life), base);
    assert.equal(renewAtMs(life, 0.5), base + 1_800_000);
  });
});

describe("renewalOffset()", () => {
  it("is the same each time, in [0, 1), and differs between entries", () => {
    const seen = new Set<number>();
    for (let index = 0; index < 1_000; index += 1) {
      const offset = renewalOffset(`entry-${index}`, "1");
      assert.equal(offset, renewalOffset(`entry-${index}`, "1"));
      assert.ok(offset >= 0 && offset < 1);
      seen.add(Math.floor(offset * 10));
    }
    assert.equal(seen.size, 10, "a thousand SVIDs issued together spread over the whole window");
  });

  it("lets a third of what was left on arrival go by, however far notBefore was set back", () => {
    const receivedAtMs = 1_000_000;
    const spire = { notBeforeMs: receivedAtMs - 10_000, notAfterMs: receivedAtMs + 6_000, receivedAtMs };
    for (const offset of [0, 0.5, 0.999]) assert.equal(renewAtMs(spire, offset), receivedAtMs + 2_000);
    const usual = { notBeforeMs: receivedAtMs - 10_000, notAfterMs: receivedAtMs + 3_600_000 };
    assert.equal(renewAtMs({ ...usual, receivedAtMs }, 0.3), renewAtMs(usual, 0.3));
  });
});
