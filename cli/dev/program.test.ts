import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../runtime/core/index.ts";
import { runProgram } from "./program.ts";

function readPid(path: string): number {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return 0;
  }
}

describe("a program that is run", () => {
  it("and is of another user now is said not to be signalled, each time", async () => {
    if (process.getuid?.() !== 0) return;
    const folder = mkdtempSync(join(tmpdir(), "program-"));
    const path = join(folder, "pid");
    const script = `const fs = require("fs"), fd = fs.openSync(${JSON.stringify(path)}, "w");
      process.setuid(1); fs.writeSync(fd, String(process.pid)); setInterval(() => {}, 1000)`;
    const failures: unknown[] = [];
    const program = runProgram({
      command: [process.execPath, "-e", script],
      environment: process.env,
      isOnTerminal: false,
      onUnsignalled: (error) => void failures.push("code" in error && error.code),
    });
    while (readPid(path) === 0) await systemClock.sleep(10);
    try {
      // Who is not root in effect may not signal it.
      process.seteuid?.(65_534);
      assert.deepEqual([program.kill("SIGTERM"), program.kill("SIGTERM")], [false, false]);
    } finally {
      process.seteuid?.(0);
      process.kill(readPid(path), "SIGKILL");
    }
    assert.deepEqual(failures, ["EPERM", "EPERM"]);
    assert.equal(await program.ended, 137);
    rmSync(folder, { recursive: true });
  });
});
