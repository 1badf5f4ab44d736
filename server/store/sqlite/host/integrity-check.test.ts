import assert from "node:assert/strict";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLogger, systemClock, systemRandom } from "../../../../runtime/core/index.ts";
import { entryOf, exampleTrustDomain } from "../../../../test/fakes/server-values.ts";
import { databaseFile } from "../engine/data-directory.ts";
import { openSqliteStore } from "../open.ts";
import { checkIntegrity } from "./integrity-check.ts";

const never = new AbortController().signal;

test("a store in use is found sound, and a page overwritten deep in its file is found", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "cs-integrity-"));
  context.after(() => rm(directory, { recursive: true }));
  const options = { trustDomain: exampleTrustDomain, clock: systemClock, random: systemRandom, logger: silentLogger };
  const look = { path: join(directory, databaseFile), mostProblems: 10 };
  {
    await using store = await openSqliteStore({ ...options, directory });
    await store.createEntries(
      Array.from({ length: 500 }, (_, index) => entryOf(`e${index}`, "a")),
      1,
    );
    assert.deepEqual(await checkIntegrity(look, never), []);
  }
  const { size } = await stat(look.path);
  const file = await open(look.path, "r+");
  await file.write(Buffer.alloc(3_000, 0xa5), 0, 3_000, Math.floor(size / 2 / 4096) * 4096);
  await file.close();
  assert.notDeepEqual(await checkIntegrity(look, never), []);
});

test("what cannot be looked at is an error, not a sound file", async () => {
  await assert.rejects(
    checkIntegrity({ path: "/nowhere/server.db", mostProblems: 1 }, never),
    /unable to open|directory/,
  );
  await assert.rejects(checkIntegrity({ path: "/nowhere", mostProblems: 1 }, AbortSignal.abort(new Error("stop"))), {
    message: "stop",
  });
});
