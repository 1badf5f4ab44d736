import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Worker } from "node:worker_threads";
import { silentLogger, systemClock, systemRandom } from "../../../../runtime/core/index.ts";
import { FakeClock } from "../../../../test/fakes/fake-clock.ts";
import { entryOf, exampleTrustDomain } from "../../../../test/fakes/server-values.ts";
import { serverLimits } from "../../../limits.ts";
import { ChangeListeners } from "../change-listeners.ts";
import { openSqliteStore } from "../open.ts";
import { SqliteStore } from "../sqlite-store.ts";
import { WorkerHost } from "./worker-host.ts";

const options = { trustDomain: exampleTrustDomain, clock: systemClock, random: systemRandom, logger: silentLogger };
const base = await mkdtemp(join(tmpdir(), "countersign-store-"));
after(() => rm(base, { recursive: true }));
let directories = 0;

function newDirectory(): string {
  directories += 1;
  return join(base, String(directories));
}

describe("WorkerHost", () => {
  it("commits what is asked at once together, and still each request by itself", async () => {
    await using store = await openSqliteStore({ ...options, directory: newDirectory() });
    const commits: number[] = [];
    store.onChanges((changes) => commits.push(changes.length));
    const writes = Array.from({ length: 100 }, (_, index) => store.createEntries([entryOf(`e${index}`, "a")], 1));
    const outcomes = await Promise.all(writes);
    assert.deepEqual(new Set(outcomes.map(([outcome]) => outcome?.kind)), new Set(["created"]));
    assert.equal(commits.length, 1);
  });

  it("refuses more requests than may wait, at once, and serves again afterwards", async () => {
    await using store = await openSqliteStore({ ...options, directory: newDirectory() });
    const most = serverLimits.storeWaitingRequests.value;
    const settled = await Promise.allSettled(Array.from({ length: most + 1 }, () => store.check()));
    assert.equal(settled.filter(({ status }) => status === "fulfilled").length, most);
    const refused = settled.at(-1);
    assert.equal(refused?.status === "rejected" && refused.reason.code, "ERR_STORE_UNAVAILABLE");
    await store.check();
  });

  it("finishes what was accepted before it closes, and refuses what comes after", async () => {
    const directory = newDirectory();
    const store = await openSqliteStore({ ...options, directory });
    const accepted = store.createEntries([entryOf("one", "a")], 1);
    const closing = store[Symbol.asyncDispose]();
    await assert.rejects(store.createEntries([entryOf("two", "a")], 1), { code: "ERR_STORE_UNAVAILABLE" });
    await assert.rejects(
      store.snapshot(() => {}),
      { code: "ERR_STORE_UNAVAILABLE" },
    );
    await closing;
    await store[Symbol.asyncDispose]();
    assert.equal((await accepted)[0]?.kind, "created");
    await using again = await openSqliteStore({ ...options, directory });
    assert.equal((await again.head()).n, 1);
  });

  it("rejects what was on its way when its thread dies, starts it again, and tells listeners to look", async () => {
    const clock = new FakeClock();
    const directory = newDirectory();
    const threads: Worker[] = [];
    const listeners = new ChangeListeners(silentLogger);
    const host = await WorkerHost.open(
      { directory, trustDomain: "example.org", newEpoch: "e", newServerId: "s", nowMs: 0 },
      { clock, random: systemRandom, logger: silentLogger, listeners, onThread: (thread) => threads.push(thread) },
    );
    const store = new SqliteStore({ trustDomain: exampleTrustDomain, clock, listeners, host });
    await store.createEntries([entryOf("one", "a")], 1);
    let told = false;
    const looked = new Promise<void>((resolve) => {
      listeners.add((changes) => {
        told ||= changes.length === 0;
        if (told) resolve();
      });
    });
    const lost = [store.check(), store.snapshot(() => {}), store.createEntries([entryOf("two", "a")], 1)];
    const [settled] = await Promise.all([Promise.allSettled(lost), threads[0]?.terminate()]);
    for (const outcome of settled) {
      if (outcome.status === "rejected") assert.equal(outcome.reason.code, "ERR_STORE_UNAVAILABLE");
    }
    await assert.rejects(store.check(), { code: "ERR_STORE_UNAVAILABLE" });
    await clock.advance(1_000);
    await looked;
    assert.equal((await store.findEntry("one"))?.id, "one");
    assert.equal(threads.length, 2);
    await store[Symbol.asyncDispose]();
  });
});
