import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { backOffMs } from "./back-off.ts";

describe("backOffMs()", () => {
  it("never exceeds the cap nor falls below the part that is not jitter", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.integer({ min: 1, max: 10_000 }), fc.integer(), (attempt, initialMs, seed) => {
        const options = { initialMs, capMs: 60_000, factor: 1.5, jitter: 0.4 };
        const delay = backOffMs(attempt, options, seededRandom(seed));
        const full = Math.min(options.capMs, initialMs * 1.5 ** Math.min(attempt, 64));
        assert.ok(Number.isInteger(delay) && delay <= Math.round(full) && delay >= Math.floor(full * 0.6));
      }),
    );
  });

  it("grows", () => {
    const options = { initialMs: 100, capMs: 10_000, jitter: 0 };
    assert.deepEqual(
      [0, 1, 2, 3, 20].map((attempt) => backOffMs(attempt, options, seededRandom(1))),
      [100, 200, 400, 800, 10_000],
    );
  });
});
