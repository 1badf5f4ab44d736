import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { ProcessStatus, parseCredentialLines } from "./process-status.ts";

function statusOf(context: TestContext, text: string, maxBytes = 1 << 20): string {
  const root = mkdtempSync(join(tmpdir(), "cs-proc-"));
  context.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "7"));
  writeFileSync(join(root, "7", "status"), text);
  return new ProcessStatus(root, maxBytes).credentialLines(7);
}

const text = (groups: string): string =>
  `Name:\tweb\nUmask:\t0022\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t${groups}\nNStgid:\t7\n`;

test("effective ids and all groups are read", (context) => {
  const lines = statusOf(context, text("10 20 30 "));
  assert.deepEqual(parseCredentialLines(lines), { uid: 2, gid: 6, groups: [10, 20, 30] });
});

test("no supplementary groups is no group", (context) => {
  assert.deepEqual(parseCredentialLines(statusOf(context, text(" "))).groups, []);
});

test("this very process is read from the real /proc", () => {
  const read = parseCredentialLines(new ProcessStatus("/proc", 1 << 20).credentialLines(process.pid));
  assert.equal(read.uid, process.geteuid?.());
  assert.equal(read.gid, process.getegid?.());
});

test("a status with thousands of groups is read whole, one beyond the limit is refused", (context) => {
  const ids = Array.from({ length: 5_000 }, (_, index) => index + 100_000);
  assert.deepEqual(parseCredentialLines(statusOf(context, text(ids.join(" ")))).groups, ids);
  assert.throws(() => statusOf(context, text(ids.join(" ")), 16_384), RangeError);
});

test("a process that is not there is an errno error", () => {
  assert.throws(() => new ProcessStatus("/nowhere", 1_000).credentialLines(1), { code: "ENOENT" });
});

test("a status without one of the lines, or cut within one, is refused", (context) => {
  assert.throws(() => statusOf(context, "Name:\tweb\nUid:\t1\t1\t1\t1\n"), RangeError);
  assert.throws(() => statusOf(context, text("10").slice(0, -14)), RangeError);
  assert.throws(() => parseCredentialLines("1\t2\t3\n1\t2\t3\t4\n"), RangeError);
  assert.throws(() => parseCredentialLines("1\t-2\t3\t4\n1\t2\t3\t4\n"), RangeError);
});

test("property: any three lines give ids or a RangeError", () => {
  fc.assert(
    fc.property(fc.string(), (lines) => {
      try {
        const { uid, gid, groups } = parseCredentialLines(lines);
        for (const id of [uid, gid, ...groups]) assert.ok(Number.isSafeInteger(id) && id >= 0);
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }),
  );
});
