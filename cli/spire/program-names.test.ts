import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { exitCodes } from "../exit-codes.ts";

describe("the program under the names of SPIRE's", () => {
  const folder = mkdtempSync(join(tmpdir(), "cs-names-"));
  after(() => rmSync(folder, { recursive: true }));

  it("a wrapper says what it was called as", () => {
    const env = { ...process.env, COUNTERSIGN_CALLED_AS: "/usr/bin/spire-agent" };
    const args = ["cli/countersign.js", "healthcheck", "-socketPath", join(folder, "nobody.sock")];
    const { stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
    assert.match(stderr, /^Error: no answer from the agent at /);
  });

  for (const [name, who] of [
    ["spire-server", "server"],
    ["spire-agent", "agent"],
    ["countersign", "server"],
  ] as const) {
    it(`${name} healthcheck asks the ${who}`, () => {
      const program = join(folder, name);
      symlinkSync(resolve("cli/countersign.js"), program);
      const args = [program, "healthcheck", "-socketPath", join(folder, "nobody.sock")];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      assert.equal(status, exitCodes.unreachable, stderr);
      assert.match(stderr, new RegExp(`^Error: no answer from the ${who} at `));
    });
  }
});
