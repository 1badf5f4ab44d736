import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { Replacements } from "./replacements.ts";

const spread = 30_000;

/** When each of so many agents begins, milliseconds after it was told. */
async function begins(agents: number): Promise<readonly number[]> {
  const clock = new FakeClock();
  const startMs = clock.now();
  const begun: number[] = [];
  for (let agent = 0; agent < agents; agent += 1) {
    const onDue = (): void => void begun.push(clock.now() - startMs);
    new Replacements({ clock, random: seededRandom(agent + 1), onDue }).update(new Set(["a"]), () => spread);
  }
  await clock.advance(spread);
  return begun;
}

describe("Replacements", () => {
  it("spread over the time they are given, and are all within it", async () => {
    const begun = await begins(300);
    assert.equal(begun.length, 300);
    assert.ok(Math.max(...begun) <= spread);
    for (let third = 0; third < 3; third += 1) {
      const within = begun.filter((ms) => ms >= (third * spread) / 3 && ms < ((third + 1) * spread) / 3);
      assert.ok(within.length > 60, `${within.length} in one third of the time`);
    }
  });

  it("are due at once where no time is given, and stay put when more is said of the same authority", async () => {
    const clock = new FakeClock();
    let due = 0;
    const onDue = (): void => {
      due += 1;
    };
    const replacements = new Replacements({ clock, random: seededRandom(3), onDue });
    replacements.update(new Set(["a"]), () => 0);
    assert.deepEqual([due, replacements.isDue("a")], [1, true]);
    replacements.update(new Set(["a", "b"]), () => spread);
    replacements.update(new Set(["a", "b"]), () => 0);
    assert.deepEqual([due, replacements.isDue("b")], [1, false]);
    await clock.advance(spread);
    assert.deepEqual([due, replacements.isDue("b")], [2, true]);
  });

  it("wait no longer once the authority has left the bundle", () => {
    const clock = new FakeClock();
    let due = 0;
    const onDue = (): void => {
      due += 1;
    };
    const replacements = new Replacements({ clock, random: seededRandom(3), onDue });
    replacements.update(new Set(["a", "b"]), () => spread);
    assert.equal(due, 0);
    replacements.update(new Set(["a", "b"]), (id) => (id === "a" ? "at once" : spread));
    assert.deepEqual([due, replacements.isDue("a"), replacements.isDue("b")], [1, true, false]);
    assert.equal(clock.pendingTimers, 1, "only the other one still waits");
  });

  it("forget an authority that is trusted again, and let no timer run on", () => {
    const clock = new FakeClock();
    const replacements = new Replacements({ clock, random: seededRandom(1), onDue: () => assert.fail("due") });
    replacements.update(new Set(["a"]), () => spread);
    replacements.update(new Set(), () => spread);
    assert.equal(clock.pendingTimers, 0);
    replacements.update(new Set(["a"]), () => spread);
    replacements.close();
    assert.equal(clock.pendingTimers, 0);
  });
});
