import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FakeClock } from "../../../../test/fakes/fake-clock.ts";
import { startProgram } from "../../../../test/fakes/program.ts";
import { ExecutableDigests } from "./executable-digests.ts";
import { HashThread } from "./hash-thread.ts";

function setUp(
  context: TestContext,
  options: { maxBytes?: number; capacity?: number; maxRunning?: number } = {},
  // Far from the files' times: they count as settled.
  nowMs = Date.UTC(2040, 0, 1),
) {
  const folder = mkdtempSync(join(tmpdir(), "cs-digest-"));
  const clock = new FakeClock(nowMs);
  const real = new HashThread(clock);
  let runs = 0;
  const thread = {
    hash: (fd: number, size: number) => {
      runs += 1;
      return real.hash(fd, size);
    },
  };
  const digests = new ExecutableDigests(thread, { maxBytes: 1 << 30, capacity: 8, maxRunning: 8, ...options }, clock);
  context.after(async () => {
    await real[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return { folder, clock, digests, runs: () => runs };
}

const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

test("the digest is the file's, and the second time it is known at once", async (context) => {
  const { folder, digests, runs } = setUp(context);
  const path = join(folder, "app");
  copyFileSync("/bin/cat", path);
  assert.equal(await digests.digestOf(path), sha256(path));
  assert.equal(digests.digestOf(path), sha256(path));
  assert.equal(runs(), 1);
});

test("callers that ask at the same time share one run", async (context) => {
  const { folder, digests, runs } = setUp(context);
  const path = join(folder, "app");
  copyFileSync("/bin/cat", path);
  const all = await Promise.all(Array.from({ length: 100 }, () => digests.digestOf(path)));
  assert.deepEqual(new Set(all), new Set([sha256(path)]));
  assert.equal(runs(), 1);
});

test("other content of the same size, with mtime set back, is hashed anew", async (context) => {
  const { folder, digests } = setUp(context);
  const path = join(folder, "app");
  // A whole second, so that it can be set back to the nanosecond.
  const forge = (content: string): void => {
    writeFileSync(path, content);
    utimesSync(path, 1_000_000, 1_000_000);
  };
  forge("good");
  const good = await digests.digestOf(path);
  const before = statSync(path, { bigint: true });
  // ctime has the kernel's tick, some milliseconds; the next write must fall into a later one.
  while (statSync(path, { bigint: true }).ctimeNs === before.ctimeNs) forge("evil");
  assert.equal(statSync(path, { bigint: true }).mtimeNs, before.mtimeNs);
  const evil = await digests.digestOf(path);
  assert.notEqual(evil, good);
  assert.equal(evil, sha256(path));
});

test("a file that changes while it is read has no digest", async (context) => {
  const { folder } = setUp(context);
  const path = join(folder, "app");
  writeFileSync(path, "before");
  const changing = {
    hash: async () => {
      utimesSync(path, 1, 1);
      return "ab".repeat(32);
    },
  };
  const options = { maxBytes: 100, capacity: 8, maxRunning: 8 };
  const digests = new ExecutableDigests(changing, options, new FakeClock());
  await assert.rejects(async () => digests.digestOf(path), { code: "ERR_ATTESTATION_FAILED" });
});

test("what changed within the last two seconds is not remembered", async (context) => {
  const path = join(setUp(context).folder, "app");
  writeFileSync(path, "fresh");
  const { clock, digests, runs } = setUp(context, {}, Math.ceil(statSync(path).ctimeMs) + 1_990);
  await digests.digestOf(path);
  await digests.digestOf(path);
  assert.equal(runs(), 2);
  await clock.advance(20);
  await digests.digestOf(path);
  assert.equal(typeof digests.digestOf(path), "string");
  assert.equal(runs(), 3);
});

test("a running program whose file was replaced is hashed as what runs, not as what lies there now", async (context) => {
  const { folder, digests } = setUp(context);
  const path = join(folder, "app");
  const program = await startProgram(context, path);
  const running = sha256(path);
  writeFileSync(`${path}.new`, "something else");
  renameSync(`${path}.new`, path);
  assert.equal(await digests.digestOf(`/proc/${program.pid}/exe`), running);
  assert.notEqual(running, sha256(path));
});

test("a file over the limit is refused, one of exactly the limit is hashed", async (context) => {
  const { folder, digests } = setUp(context, { maxBytes: 100 });
  writeFileSync(join(folder, "fits"), "x".repeat(100));
  writeFileSync(join(folder, "large"), "x".repeat(101));
  assert.equal(await digests.digestOf(join(folder, "fits")), sha256(join(folder, "fits")));
  await assert.rejects(async () => digests.digestOf(join(folder, "large")), { code: "ERR_EXECUTABLE_TOO_LARGE" });
});

test("beyond its capacity the digest used longest ago is forgotten", async (context) => {
  const { folder, digests, runs } = setUp(context, { capacity: 2 });
  const paths = ["a", "b", "c"].map((name) => join(folder, name));
  for (const path of paths) writeFileSync(path, path);
  const [a = "", b = "", c = ""] = paths;
  await digests.digestOf(a);
  await digests.digestOf(b);
  await digests.digestOf(a);
  await digests.digestOf(c);
  assert.equal(typeof digests.digestOf(a), "string");
  assert.equal(runs(), 3);
  await digests.digestOf(b);
  assert.equal(runs(), 4);
});

test("no more than so many files wait to be hashed", async (context) => {
  const { folder, digests } = setUp(context, { maxRunning: 1 });
  writeFileSync(join(folder, "a"), "a");
  writeFileSync(join(folder, "b"), "b");
  const first = digests.digestOf(join(folder, "a"));
  await assert.rejects(async () => digests.digestOf(join(folder, "b")), { code: "ERR_ATTESTATION_FAILED" });
  await first;
  assert.equal(await digests.digestOf(join(folder, "b")), sha256(join(folder, "b")));
});

test("a file that is not there, or is no file, is an error", async (context) => {
  const { folder, digests } = setUp(context);
  symlinkSync(join(folder, "nothing"), join(folder, "link"));
  await assert.rejects(async () => digests.digestOf(join(folder, "link")), { code: "ENOENT" });
  await assert.rejects(async () => digests.digestOf(folder));
});

test("a stopped thread fails what waits for it", async (context) => {
  const { folder } = setUp(context);
  const clock = new FakeClock();
  const thread = new HashThread(clock);
  const digests = new ExecutableDigests(thread, { maxBytes: 1 << 30, capacity: 8, maxRunning: 8 }, clock);
  writeFileSync(join(folder, "a"), "a");
  const waiting = assert.rejects(async () => digests.digestOf(join(folder, "a")), /stopped/);
  await thread[Symbol.asyncDispose]();
  await waiting;
});

test("an idle thread ends, and the next job starts another", async (context) => {
  const { folder } = setUp(context);
  const clock = new FakeClock();
  const thread = new HashThread(clock);
  context.after(() => thread[Symbol.asyncDispose]());
  const digests = new ExecutableDigests(thread, { maxBytes: 100, capacity: 8, maxRunning: 8 }, clock);
  writeFileSync(join(folder, "a"), "a");
  writeFileSync(join(folder, "b"), "b");
  await digests.digestOf(join(folder, "a"));
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(30_000);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(await digests.digestOf(join(folder, "b")), sha256(join(folder, "b")));
});
