import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { promisify } from "node:util";

const script = (harden: boolean): string => `
  const { hardenProcess } = await import(${JSON.stringify(new URL("./harden.ts", import.meta.url).href)});
  const { readFileSync, readdirSync, readlinkSync } = await import("node:fs");
  const koffi = (await import("koffi")).default;
  if (${harden}) hardenProcess();
  const prctl = koffi.load(null).func("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)");
  const core = /^Max core file size +(\\S+) +(\\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  readFileSync("/proc/self/status");
  readFileSync("/proc/self/stat");
  readlinkSync("/proc/self/exe");
  console.log(JSON.stringify({ dumpable: prctl(3, 0, 0, 0, 0), soft: core[1], hard: core[2], fds: readdirSync("/proc/self/fd").length > 2 }));
`;

async function run(harden: boolean): Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script(harden)], {
    cwd: new URL("../..", import.meta.url),
  });
  return JSON.parse(stdout);
}

describe("hardenProcess()", () => {
  it("leaves no core file and no dump, and the process can still read about itself", async () => {
    assert.deepEqual(await run(true), { dumpable: 0, soft: "0", hard: "0", fds: true });
  });

  it("is what makes the difference", async () => {
    assert.equal((await run(false))["dumpable"], 1);
  });
});
