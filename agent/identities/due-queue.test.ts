import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { DueQueue } from "./due-queue.ts";

describe("DueQueue", () => {
  it("calls each key once, at its last set time, on one timer", async () => {
    const clock = new FakeClock();
    const random = seededRandom(5);
    const firedAt = new Map<number, number>();
    const queue = new DueQueue<number>(clock, (keys) => {
      for (const key of keys) {
        assert.ok(!firedAt.has(key));
        firedAt.set(key, clock.now());
      }
    });
    const begin = clock.now();
    const expected = new Map<number, number>();
    for (let step = 0; step < 500; step += 1) {
      const key = Math.floor(random.float() * 60);
      const at = begin + Math.floor(random.float() * 1_000);
      if (random.float() < 0.2) {
        queue.delete(key);
        expected.delete(key);
      } else {
        queue.set(key, at);
        expected.set(key, at);
      }
    }
    assert.equal(queue.size, expected.size);
    assert.ok(clock.pendingTimers <= 1);
    await clock.advance(1_001);
    assert.deepEqual(new Map([...firedAt].sort()), new Map([...expected].sort()));
    assert.equal(clock.pendingTimers, 0);
  });

  it("looks at the wall clock now and then while it waits for something far away", async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    const queue = new DueQueue<string>(clock, (keys) => fired.push(...keys));
    queue.set("far", clock.now() + 30 * 86_400_000);
    await clock.advance(86_400_000);
    assert.deepEqual(fired, []);
    await clock.advance(29 * 86_400_000);
    assert.deepEqual(fired, ["far"]);
    queue.clear();
  });
});
