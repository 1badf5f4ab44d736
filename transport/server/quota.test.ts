import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { noMetrics, silentLogger } from "../../runtime/core/index.ts";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { transportMetrics } from "./metrics.ts";
import { Quota } from "./quota.ts";
import { Refusals } from "./refusals.ts";

describe("Quota", () => {
  it("gives each key its places and not one more", () => {
    const quota = new Quota({ total: 10, perKey: 2 });
    assert.deepEqual([quota.enter(1), quota.enter(1), quota.enter(1), quota.enter(2)], [true, true, false, true]);
    quota.leave(1);
    assert.equal(quota.enter(1), true);
  });

  it("keeps a reserve that only the privileged key reaches", () => {
    const quota = new Quota({ total: 3, perKey: 9, reserve: 1, privilegedKey: 0 });
    assert.deepEqual(
      [quota.enter(7), quota.enter(7), quota.enter(7), quota.enter(0), quota.enter(0)],
      [true, true, false, true, false],
    );
  });

  it("counts right whatever comes and goes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.boolean()), { maxLength: 60 }), (steps) => {
        const quota = new Quota({ total: 8, perKey: 3, reserve: 2, privilegedKey: 0 });
        const held = [0, 0, 0, 0];
        for (const [key, enters] of steps) {
          const before = held[key] ?? 0;
          if (enters && quota.enter(key)) held[key] = before + 1;
          else if (!enters && before > 0) {
            quota.leave(key);
            held[key] = before - 1;
          }
          const sum = held.reduce((total, one) => total + one, 0);
          assert.equal(quota.taken, sum);
          assert.ok(sum <= 8 && held.slice(1).every((one) => one <= 3));
        }
      }),
    );
  });

  it("is not confused by a leave that nobody entered for", () => {
    const quota = new Quota({ total: 1, perKey: 1 });
    quota.leave(5);
    assert.equal(quota.taken, 0);
  });
});

describe("Refusals", () => {
  it("count each, and log one a second per reason with how many were not logged", async () => {
    const clock = new FakeClock();
    const lines: Readonly<Record<string, unknown>>[] = [];
    const counts = new Map<string, number>();
    const metrics = transportMetrics({
      ...noMetrics,
      counter: ({ name }) => ({ add: (by) => void counts.set(name, (counts.get(name) ?? 0) + by) }),
    });
    const refusals = new Refusals("unix", { ...silentLogger, warn: (fields) => lines.push(fields) }, metrics, clock);
    for (let count = 0; count < 5; count += 1) refusals.note("full", { uid: count });
    refusals.note("gone", {});
    await clock.advance(1_001);
    refusals.note("full", { uid: 9 });
    assert.deepEqual(
      lines.map(({ reason, not_logged }) => [reason, not_logged]),
      [
        ["full", 0],
        ["gone", 0],
        ["full", 4],
      ],
    );
    assert.equal(counts.get("countersign_connections_refused_total"), 7);
  });
});
