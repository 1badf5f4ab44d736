// needs: node20; budget: 180
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

// The SDK lives in other people's services on Node ≥ 20.19 (design §2), and two folders with it. Node 20 strips
// no types, so what is published, JavaScript from tsc, is what runs.
const version = "20.19.6";
const repository = fileURLToPath(new URL("../../", import.meta.url));
const folders = ["certs", "spiffe", "sdk"] as const;
const work = mkdtempSync(join(tmpdir(), "cst-node20-"));
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

/** Beside the emitted code: what it reads, and the packages it imports. */
function furnish(): void {
  const read = ["test/{vectors,fixtures}/**/*.{json,pem,der}", "proto/**/*.proto"];
  for (const file of read.flatMap((pattern) => globSync(pattern, { cwd: repository }))) {
    mkdirSync(dirname(join(out, file)), { recursive: true });
    cpSync(join(repository, file), join(out, file));
  }
  writeFileSync(join(out, "package.json"), '{"type":"module"}');
  writeFileSync(join(out, "fake-agent-needs.mjs"), fakeAgentNeeds);
  symlinkSync(join(repository, "node_modules"), join(out, "node_modules"));
}

/** The fake agent of the SDK's tests is made of the server's code, which needs Node 24; the SDK's own must not. */
const fakeAgentNeeds = `Promise.withResolvers ??= () => {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};`;
const sdkItself =
  "{certs,spiffe,sdk,proto/workload,runtime/core,transport/client,transport/tls,transport/errors}/**/*.ts";

function installNode20(): string {
  const name = `node-linux-${process.arch}`;
  const prefix = join(work, "node20");
  const options = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund"];
  execFileSync("npm", ["install", "--prefix", prefix, ...options, `${name}@${version}`], { cwd: work, stdio: "pipe" });
  return join(prefix, "node_modules", name, "bin/node");
}

describe("on Node 20.19", () => {
  const files = folders.flatMap(unitTests);
  let node = "";

  before(() => {
    emit(files);
    furnish();
    node = installNode20();
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  it("is really that version", () => {
    assert.equal(execFileSync(node, ["--version"], { encoding: "utf8" }).trim(), `v${version}`);
  });

  it("finds nothing in the SDK that only the fake agent may use", () => {
    const users = globSync(sdkItself, { cwd: repository }).filter((file) =>
      readFileSync(join(repository, file), "utf8").includes("withResolvers"),
    );
    assert.deepEqual(users, []);
  });

  for (const folder of folders) {
    it(`${folder} passes its unit tests`, () => {
      const emitted = files.filter((file) => file.startsWith(`${folder}/`)).map((file) => file.replace(/\.ts$/, ".js"));
      const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, ...env } = process.env;
      const options = ["--test", "--test-reporter=tap", "--test-concurrency=2", "--import=./fake-agent-needs.mjs"];
      const run = spawnSync(node, [...options, ...emitted], { cwd: out, env, encoding: "utf8", maxBuffer: 1 << 28 });
      const failed = run.stdout.match(/^ *not ok .*$/gm) ?? [];
      assert.equal(run.status, 0, `${failed.join("\n")}\n${run.stderr}\n${run.stdout.slice(-2000)}`);
      const passed = Number(/^# pass (\d+)$/m.exec(run.stdout)?.[1] ?? 0);
      assert.ok(passed > emitted.length, `only ${passed} tests ran`);
    });
  }
});
