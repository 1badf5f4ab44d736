import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const launcher = fileURLToPath(new URL("../../../cli/countersign.js", import.meta.url));

function run(args: readonly string[], input = "") {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  return spawnSync(process.execPath, [launcher, ...args], { encoding: "utf8", input, env });
}

describe("cli/countersign.js", () => {
  it("ends with the exit code of the command, results on one stream and the rest on the other", () => {
    const version = run(["--version"]);
    assert.deepEqual([version.status, version.stderr], [0, ""]);
    assert.match(version.stdout, /^countersign \d+\.\d+\.\d+\n$/);
    assert.equal(run(["--help"]).status, 0);
    const wrong = run(["entry", "creat"]);
    assert.deepEqual([wrong.status, wrong.stdout], [2, ""]);
    assert.match(wrong.stderr, /Did you mean create\?/);
    const nobody = run(["bundle", "show", "--socket", "/nowhere/api.sock"]);
    assert.equal(nobody.status, 3);
  });

  it("reads standard input", () => {
    const { status, stderr } = run(["entry", "create", "--file", "-"], "[7]");
    assert.equal(status, 2);
    assert.match(stderr, /standard input: line 1: entry 1: /);
  });

  it("does not mind that nobody reads on, as in a pipe to head", () => {
    // The reader is gone before anything is written.
    const command = `{ sleep 0.2; "${process.execPath}" "${launcher}" --help; echo "status $?" >&2; } | true`;
    const { stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
    assert.equal(stderr, "status 0\n");
  });

  it("answers --version and --help at once", () => {
    for (const flag of ["--version", "--help"]) {
      const took = [1, 2, 3].map(() => {
        const startedAt = performance.now();
        assert.equal(run([flag]).status, 0);
        return performance.now() - startedAt;
      });
      // On a quiet machine it is 150 ms; this bound holds on a busy one, and not with a daemon's code loaded.
      assert.ok(Math.min(...took) < 600, `${flag}: ${took.map(Math.round).join(", ")} ms`);
    }
  });
});
