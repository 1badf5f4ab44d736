// needs: npm; budget: 600
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { installNode, supportedNodes } from "../compat/nodes.ts";
import { consumers, newProject, npmInstall, packWorkload, repository, runConsumer, TwoWorkloads } from "./packed.ts";

const work = mkdtempSync(join(tmpdir(), "cst-package-"));
const node = process.execPath;
/** Judges how TypeScript of every kind resolves a package; it brings a compiler of its own, so it is no dependency. */
const attwVersion = "0.18.5";

const strict = {
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  target: "es2022",
  types: ["node"],
};

/** Compiles in the project with the repository's compiler. */
function tsc(folder: string, files: readonly string[], options: Readonly<Record<string, unknown>>): void {
  const config = join(folder, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...strict, ...options }, files }));
  const compiler = join(repository, "node_modules/typescript/bin/tsc");
  const run = spawnSync(node, [compiler, "-p", config], { cwd: folder, encoding: "utf8" });
  assert.equal(run.status, 0, run.stdout);
}

describe("the published package", () => {
  let tarball = "";
  let project = "";
  let workloads: TwoWorkloads;
  before(async () => {
    tarball = packWorkload(work);
    const { devDependencies } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    const beside = ["@types/node", "@grpc/grpc-js"].map((name) => `${name}@${devDependencies[name]}`);
    project = newProject(join(work, "project"), tarball, beside);
    for (const name of ["program", "kit"]) {
      for (const extension of ["ts", "cts"])
        copyFileSync(join(consumers, `${name}.ts`), join(project, `${name}.${extension}`));
    }
    copyFileSync(join(consumers, "required.cjs"), join(project, "required.cjs"));
    workloads = await TwoWorkloads.start();
  });
  after(async () => {
    await workloads[Symbol.asyncDispose]();
    rmSync(work, { recursive: true, force: true });
  });

  async function runs(folder: string, program: string, answer: string, binary = node): Promise<void> {
    const { code, stdout, stderr } = await runConsumer(binary, folder, program, workloads.env);
    // 22.12, and no later one, says that `require` of ES modules is new.
    const warned = stderr.replace(
      /^\(node:\d+\) ExperimentalWarning: CommonJS module .*\n(?:Support for .*| {4}at .*|\n)*/,
      "",
    );
    assert.deepEqual({ code, stdout, warned }, { code: 0, stdout: `${answer}\n`, warned: "" });
  }

  it("is well formed: publint finds nothing", async () => {
    const { messages, pkg } = await publint({ pkgDir: join(work, "workload"), strict: true });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    );
  });

  it("resolves with its types for every kind of TypeScript: attw finds nothing", () => {
    const tool = join(work, "attw");
    mkdirSync(tool);
    writeFileSync(join(tool, "package.json"), "{}");
    npmInstall(tool, [`@arethetypeswrong/cli@${attwVersion}`]);
    const bin = join(tool, "node_modules/@arethetypeswrong/cli/dist/index.js");
    // Node 10 knows no `exports`; CommonJS gets an ES module, which the Nodes that we support can require.
    const accepted = ["--profile", "node16", "--ignore-rules", "cjs-resolves-to-esm"];
    const run = spawnSync(node, [bin, tarball, "--no-emoji", ...accepted], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stdout + run.stderr);
  });

  it("holds what it should and nothing else", () => {
    const listed = spawnSync("tar", ["-tzf", tarball], { encoding: "utf8" }).stdout.trim().split("\n").sort();
    assert.ok(["LICENSE", "README.md", "CHANGELOG.md"].every((file) => listed.includes(`package/${file}`)));
    const odd = listed.filter(
      (file) => !/^package\/(lib\/[\w-]+\.(js|js\.map|d\.ts)|(testing\/)?[A-Z]+(\.md)?|package\.json)$/.test(file),
    );
    assert.deepEqual(odd, []);
    const maps = listed.filter((file) => file.endsWith(".map"));
    const all = maps.map((file) => JSON.parse(readFileSync(join(work, file.replace("package", "workload")), "utf8")));
    assert.ok(all.some(({ sources }) => sources.includes("countersign/sdk/errors.ts")));
    for (const { sources, sourcesContent } of all) {
      assert.equal(sources.length, sourcesContent.length);
      for (const source of sources) assert.match(source, /^countersign\/[a-z]+\//);
    }
  });

  it("is used from strict TypeScript with nodenext resolution, as an ES module and as CommonJS", async () => {
    for (const extension of ["ts", "cts"])
      tsc(project, [`program.${extension}`, `kit.${extension}`], { module: "nodenext" });
    for (const extension of ["js", "cjs"]) {
      await runs(project, `program.${extension}`, "4 ways");
      await runs(project, `kit.${extension}`, "the kit and grpc");
    }
    assert.match(readFileSync(join(project, "program.cjs"), "utf8"), /require\("@countersign\/workload"\)/);
  });

  it("is required by CommonJS, has no default export, leaves nothing on globalThis, and is one with what is imported", () =>
    runs(project, "required.cjs", "required spiffe://one.test/web"));

  for (const format of ["esm", "cjs"] as const) {
    it(`is bundled with a program into one ${format} file that needs no packages`, async () => {
      tsc(project, ["program.ts", "kit.ts"], { module: "esnext", moduleResolution: "bundler", noEmit: true });
      const alone = join(work, `alone-${format}`);
      const outfile = join(alone, format === "esm" ? "program.mjs" : "program.cjs");
      await build({
        entryPoints: [join(project, "program.ts")],
        outfile,
        bundle: true,
        platform: "node",
        format,
        ...(format === "esm" ? { banner: { js: requireForBundles } } : {}),
        logLevel: "error",
      });
      await runs(alone, outfile, "4 ways");
    });
  }

  // Whatever the program was made into by the tests above. 22.12 is the first of its line whose `require` takes ES modules.
  for (const version of [...supportedNodes, "22.12.0"].filter((one) => one !== process.versions.node)) {
    it(`works on Node ${version} as well, imported, required and bundled`, async () => {
      const other = installNode(work, version);
      await runs(project, "program.js", "4 ways", other);
      await runs(project, "program.cjs", "4 ways", other);
      for (const extension of ["js", "cjs"]) await runs(project, `kit.${extension}`, "the kit and grpc", other);
      await runs(project, "required.cjs", "required spiffe://one.test/web", other);
      for (const alone of ["alone-esm/program.mjs", "alone-cjs/program.cjs"])
        await runs(work, join(work, alone), "4 ways", other);
    });
  }

  it("does in five minutes what its README says: the program there, under countersign dev", () => {
    const readme = readFileSync(join(work, "workload/README.md"), "utf8");
    const program = /```js\n\/\/ app\.mjs\n([\s\S]*?)\n```/.exec(readme)?.[1];
    assert.ok(program);
    writeFileSync(join(project, "app.mjs"), program);
    const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const command = [join(repository, "cli/countersign.js"), "dev", "--", node, "app.mjs"];
    const run = spawnSync(node, command, { cwd: project, env, encoding: "utf8" });
    assert.match(run.stdout, /^I am (spiffe:\/\/dev\.example\/\S+)\nhello \1$/m, run.stderr);
    assert.equal(run.status, 0);
  });

  it("cannot be imported by the path of a file inside", async () => {
    writeFileSync(join(project, "deep.mjs"), 'import "@countersign/workload/lib/index.js";');
    const { code, stderr } = await runConsumer(node, project, "deep.mjs", {});
    assert.notEqual(code, 0);
    assert.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });
});

describe("building it", () => {
  it("makes a reference without a warning: each public symbol is described, each type that is named is exported", () => {
    const typedoc = join(repository, "node_modules/typedoc/bin/typedoc");
    const options = ["--options", "tools/package/typedoc.json", "--out", join(work, "docs")];
    const run = spawnSync(node, [typedoc, ...options], { cwd: repository, encoding: "utf8" });
    assert.equal(run.status, 0, run.stdout + run.stderr);
  });

  it("is refused when a package gets in that its manifest does not name", () => {
    const source = "transport/unix/native.ts";
    const program = `import { bundleJavaScript } from "./tools/package/javascript.js";
      const entries = [{ name: "index", source: "${source}" }];
      await bundleJavaScript({ entries, outDir: ${JSON.stringify(work)}, packages: ["undici"] });`;
    const run = spawnSync(node, ["--input-type=module", "-e", program], { cwd: repository, encoding: "utf8" });
    assert.equal(run.status, 1);
    assert.match(run.stderr, /the package would import koffi, which its manifest does not name/);
  });
});

/** Of undici, which is CommonJS: esbuild's ES modules have no `require` of Node's own. */
const requireForBundles =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
