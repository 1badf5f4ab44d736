// needs: time; budget: 240
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Scenario } from "./scenario.ts";

/** A number from the environment, to run again what failed. */
const seed = Number(process.env["SEED"] ?? 30);

const days = 30;
/** What a month may add to what is held after the first week: traces of events, the ledger's serial numbers. */
const maxGrowthBytes = 30_000_000;

describe("a month of two agents and a server on virtual time", () => {
  it(`keeps every promise, and grows no more after its first week (SEED=${seed})`, async (test) => {
    const held: number[] = [];
    const onDay = (): void => void held.push(heldBytes());
    const pace = { eventEveryMinutes: 60, lookEverySeconds: 300 };
    const options = { seed, directory: undefined, maxEntries: 6, days, ...pace, onDay };
    await Scenario.run(options, ({ events, world }) => {
      test.diagnostic(JSON.stringify(events));
      const { x509Svids, jwtSvids } = world.ledger;
      const { calmChecks, activations, maxTimers } = world;
      test.diagnostic(JSON.stringify({ x509Svids, jwtSvids, calmChecks, activations, maxTimers }));
      assert.ok(x509Svids > 5_000, `${x509Svids} SVIDs`);
      assert.ok(calmChecks > 3_000, `looked ${calmChecks} times in calm weather`);
      assert.ok(activations >= 60, `${activations} activations`);
      const week = Math.max(...held.slice(0, 7));
      const end = held.at(-1) ?? Number.POSITIVE_INFINITY;
      test.diagnostic(`heap in MB, by day: ${held.map((bytes) => Math.round(bytes / 1e6)).join(" ")}`);
      assert.ok(end - week < maxGrowthBytes, `${week} bytes after a week, ${end} at the end`);
    });
  });
});

function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("garbage cannot be collected at will");
  collect();
  return process.memoryUsage().heapUsed;
}
