// needs: npm; budget: 180
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

// What is started by hand, by a script or by npm, on whatever Node is there.
const starts = ["cli/countersign.js", "tools/test/main.js", "demo/main.js"];
const repository = fileURLToPath(new URL("../../../", import.meta.url));
// Also one that is too old for the engines of our packages.
const versions = ["20.19.6", "18.20.4"];
const folder = mkdtempSync(join(tmpdir(), "cst-old-node-"));

describe("an old Node", () => {
  before(() => {
    for (const version of versions) {
      const name = `node-linux-${process.arch}@${version}`;
      const flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", join(folder, version)];
      execFileSync("npm", ["install", ...flags, name], { cwd: folder, stdio: "pipe" });
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const version of versions) {
    for (const start of starts) {
      it(`${version}: ${start} says in one line what it needs, and ends with 1`, () => {
        const old = join(folder, version, "node_modules", `node-linux-${process.arch}`, "bin", "node");
        const { NODE_OPTIONS: _options, ...env } = process.env;
        const { status, stdout, stderr } = spawnSync(old, [join(repository, start)], { encoding: "utf8", env });
        assert.equal(status, 1);
        assert.equal(stdout, "");
        assert.match(stderr, new RegExp(`^\\S.* needs Node 24 or newer, this is v${version}\\. .*\\n$`));
        assert.equal(stderr.split("\n").length, 2);
      });
    }
  }
});
