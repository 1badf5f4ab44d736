import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FakeClock } from "../../../../test/fakes/fake-clock.ts";
import { AccountNames } from "./account-names.ts";

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "cs-accounts-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("a changed file is read again, an unchanged one keeps its version", async (context) => {
  const path = join(folder(context), "passwd");
  writeFileSync(path, "one:x:1:1:\n");
  const clock = new FakeClock();
  const names = new AccountNames(path, 1_000, clock);
  const version = names.refresh();
  assert.equal(names.nameOf(1), "one");
  await clock.advance(250);
  assert.equal(names.refresh(), version);
  writeFileSync(path, "another:x:1:1:\n");
  await clock.advance(250);
  assert.equal(names.refresh(), version + 1);
  assert.equal(names.nameOf(1), "another");
});

test("without the file nobody has a name, and one that appears later is seen", async (context) => {
  const path = join(folder(context), "passwd");
  const clock = new FakeClock();
  const names = new AccountNames(path, 1_000, clock);
  names.refresh();
  assert.equal(names.nameOf(0), undefined);
  writeFileSync(path, "root:x:0:0:\n");
  await clock.advance(250);
  names.refresh();
  assert.equal(names.nameOf(0), "root");
});

test("a file that cannot be read, or is too large, fails the attestation and is not taken for an empty one", (context) => {
  const path = join(folder(context), "passwd");
  mkdirSync(path);
  assert.throws(() => new AccountNames(path, 1_000, new FakeClock()).refresh(), { code: "ERR_ATTESTATION_FAILED" });
  const large = join(folder(context), "group");
  writeFileSync(large, "x".repeat(1_001));
  assert.throws(() => new AccountNames(large, 1_000, new FakeClock()).refresh(), { code: "ERR_ATTESTATION_FAILED" });
});
