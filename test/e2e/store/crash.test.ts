import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { silentLogger, systemClock, systemRandom } from "../../../runtime/core/index.ts";
import { openSqliteStore } from "../../../server/store/sqlite/open.ts";
import { readFeed, stateOf } from "../../contract/store/feed.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { exampleTrustDomain } from "../../fakes/server-values.ts";

const options = { trustDomain: exampleTrustDomain, clock: systemClock, random: systemRandom, logger: silentLogger };
const random = seededRandom(7);

/** Runs a writer, kills it with SIGKILL after some acknowledgements, returns what it had said by then. */
async function killWriter(directory: string, host: string, round: number): Promise<readonly string[]> {
  const writer = new URL("./writer.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [writer, directory, host, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const enough = 10 + Math.floor(random.float() * 120);
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === enough) child.kill("SIGKILL");
  }
  assert.ok(lines.length >= enough, `the writer ended by itself: ${lines.join()}`);
  return lines;
}

interface Said {
  readonly acknowledged: Set<string>;
  readonly deleted: Set<string>;
}

async function killWriters(directory: string, host: string, rounds: number): Promise<Said> {
  const said: Said = { acknowledged: new Set(), deleted: new Set() };
  for (let round = 0; round < rounds; round += 1) {
    for (const line of await killWriter(directory, host, round)) {
      const [what, ...ids] = line.split(" ");
      if (what === "acknowledged") for (const id of ids) said.acknowledged.add(id);
      if (what === "deleted") for (const id of ids) said.deleted.add(id);
    }
  }
  return said;
}

describe("a store whose process is killed at any moment", () => {
  for (const host of ["worker", "inline"]) {
    it(`keeps every acknowledged change, without a gap in the feed, unlocked (${host})`, async () => {
      const directory = await mkdtemp(join(tmpdir(), "countersign-crash-"));
      try {
        const { acknowledged, deleted } = await killWriters(directory, host, 3);
        assert.ok(acknowledged.size > 50);
        await using store = await openSqliteStore({ ...options, directory });
        const { items, n } = await stateOf(store);
        assert.deepEqual(
          [...acknowledged].filter((id) => !items.has(`entry ${id}`)),
          [],
          "acknowledged and missing",
        );
        assert.deepEqual(
          [...deleted].filter((id) => items.has(`entry ${id}`)),
          [],
          "deleted and there",
        );
        const changes = await readFeed(store, 0, 1_000);
        const numbers = new Set(changes.map((change) => change.n));
        assert.equal(numbers.size, changes.length);
        assert.equal(Math.max(...numbers), n);
        // A deletion's number supersedes its entry's; every other number is there.
        const gone = changes.filter(({ value }) => value === undefined).length;
        assert.equal(numbers.size, n - gone);
      } finally {
        await rm(directory, { recursive: true });
      }
    });
  }
});
