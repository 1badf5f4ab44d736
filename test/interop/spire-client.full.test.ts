// needs: go; budget: 300
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Running } from "../env/processes.ts";
import { System } from "../env/system.ts";

/**
 * A SPIRE agent and an administrator written on SPIRE's own API module; test/interop/spire-client says what they expect.
 * The same program may be pointed at a SPIRE server, to see whether an expectation is SPIRE's.
 */
describe("a client of SPIRE's API module", () => {
  it("finds every method as it expects it: as agent, as administrator, and as everybody else", async () => {
    await using system = await System.start();
    const program = join(system.folder, "spire-client");
    execFileSync("go", ["build", "-o", program, "."], {
      cwd: fileURLToPath(new URL("spire-client", import.meta.url)),
      env: { ...process.env, CGO_ENABLED: "0" },
    });
    const flags = ["--server", system.address, "--socket", system.serverSocket, "--trust-domain", system.trustDomain];
    const running = new Running(program, flags);
    try {
      assert.equal(await running.ended, 0, running.tail());
    } finally {
      await running.stop(1_000);
    }
    const checks = running.log.filter(({ event }) => event === "check");
    assert.ok(checks.length > 150, `${checks.length} checks`);
    const problems = checks.filter(({ problem }) => problem !== undefined);
    assert.deepEqual(
      problems.map(({ group, name, problem }) => `${group}: ${name}: ${problem}`),
      [],
    );
  });
});
