// needs: npm; budget: 900
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { installNode, supportedNodes } from "./nodes.ts";

// The SDK lives in other people's services on Node ≥ 20.19 (design §2), and two folders with it. Node 20 strips
// no types, so JavaScript from tsc is what runs, the tests too.
const repository = fileURLToPath(new URL("../../", import.meta.url));
const folders = ["certs", "spiffe", "sdk"] as const;
// Below node_modules, so that packages are found as usual: through a symbolic link Node 22 may load them twice.
const caches = join(repository, "node_modules/.cache");
mkdirSync(caches, { recursive: true });
const work = mkdtempSync(join(caches, "node-versions-"));
const out = join(work, "out");

function unitTests(folder: string): readonly string[] {
  // certs/errors.test.ts judges the sources themselves, which are not what runs here.
  const judgesSources = "certs/errors.test.ts";
  return globSync(`${folder}/**/*.test.ts`, { cwd: repository }).filter(
    (path) => !path.endsWith(".full.test.ts") && path !== judgesSources,
  );
}

function emit(files: readonly string[]): void {
  const config = {
    extends: join(repository, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      incremental: false,
      noCheck: true,
      declaration: false,
      types: [],
      tsBuildInfoFile: null,
      outDir: out,
      rootDir: repository,
    },
    files: files.map((file) => join(repository, file)),
    include: [],
  };
  const path = join(work, "tsconfig.json");
  writeFileSync(path, JSON.stringify(config));
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", path], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stdout);
}

/** Beside the emitted code: what it reads. */
function furnish(): void {
  const read = ["test/{vectors,fixtures}/**/*.{json,pem,der}", "proto/**/*.proto"];
  for (const file of read.flatMap((pattern) => globSync(pattern, { cwd: repository }))) {
    mkdirSync(dirname(join(out, file)), { recursive: true });
    cpSync(join(repository, file), join(out, file));
  }
  writeFileSync(join(out, "package.json"), '{"type":"module"}');
}

describe("the SDK and what it is made of", () => {
  const files = folders.flatMap(unitTests);

  before(() => {
    emit(files);
    furnish();
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  for (const version of supportedNodes) {
    it(`pass their unit tests on Node ${version}`, () => {
      const node = installNode(work, version);
      assert.equal(execFileSync(node, ["--version"], { encoding: "utf8" }).trim(), `v${version}`);
      const emitted = files.map((file) => file.replace(/\.ts$/, ".js"));
      const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, NODE_COMPILE_CACHE: _cache, ...env } = process.env;
      const options = ["--test", "--test-timeout=120000", "--test-reporter=tap", "--test-concurrency=2"];
      const run = spawnSync(node, [...options, ...emitted], { cwd: out, env, encoding: "utf8", maxBuffer: 1 << 28 });
      // Each with what follows in the report: where and why.
      const failed = run.stdout.match(/^ *not ok (?:.*\n){12}/gm) ?? [];
      assert.equal(run.status, 0, `${failed.join("…\n")}\n${run.stderr}`);
      const passed = Number(/^# pass (\d+)$/m.exec(run.stdout)?.[1] ?? 0);
      assert.ok(passed > emitted.length, `only ${passed} tests ran`);
    });
  }
});
