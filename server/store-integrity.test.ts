import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogFields, silentLogger } from "../runtime/core/index.ts";
import { FakeClock } from "../test/fakes/fake-clock.ts";
import { StoreIntegrity } from "./store-integrity.ts";

async function after(look: () => Promise<readonly string[]>) {
  const clock = new FakeClock();
  const said: LogFields[] = [];
  const note = (fields: LogFields): void => void said.push(fields);
  const integrity = new StoreIntegrity({ look, clock, logger: { ...silentLogger, warn: note, error: note } });
  const run = integrity.run(new AbortController().signal);
  assert.doesNotThrow(() => integrity.check(), "before the look");
  await clock.advance(60_000);
  await run;
  return { integrity, said };
}

test("a sound file is no news", async () => {
  const { integrity, said } = await after(async () => []);
  assert.doesNotThrow(() => integrity.check());
  assert.deepEqual(said, []);
});

test("damage is logged with its code and stays in health", async () => {
  const { integrity, said } = await after(async () => ["row 7 missing from index", "page 9: never used"]);
  assert.throws(() => integrity.check(), { code: "ERR_STORE_DAMAGED", message: /row 7 missing/ });
  assert.deepEqual([said.length, said[0]?.["error_code"]], [1, "ERR_STORE_DAMAGED"]);
});

test("a file that cannot be looked at is a warning, and no damage", async () => {
  const { integrity, said } = await after(async () => {
    throw new Error("no rights");
  });
  assert.doesNotThrow(() => integrity.check());
  assert.deepEqual(said, [{ error: "no rights" }]);
});
