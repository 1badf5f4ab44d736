import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Scenario } from "./scenario.ts";

/** A number from the environment, to run again what failed. */
const seed = Number(process.env["SEED"] ?? 1);

describe("a day of two agents and a server on virtual time", () => {
  it(`keeps every promise through rotations, crashes and partitions (SEED=${seed})`, async (test) => {
    const directory = mkdtempSync(join(tmpdir(), "day-"));
    test.after(() => rmSync(directory, { recursive: true, force: true }));
    const options = { seed, directory, maxEntries: 8, days: 1, eventEveryMinutes: 8, lookEverySeconds: 60 };
    await Scenario.run(options, ({ events, world }) => {
      test.diagnostic(JSON.stringify(events));
      const { x509Svids, jwtSvids } = world.ledger;
      const { calmChecks, activations, maxTimers } = world;
      test.diagnostic(JSON.stringify({ x509Svids, jwtSvids, calmChecks, activations, maxTimers }));
      // A run that saw nothing would prove nothing.
      assert.ok(x509Svids > 200, `${x509Svids} SVIDs`);
      assert.ok(calmChecks > 100, `looked ${calmChecks} times in calm weather`);
      assert.ok(activations >= 3, `${activations} activations`);
    });
  });
});
