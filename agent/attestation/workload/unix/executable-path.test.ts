import assert from "node:assert/strict";
import { linkSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startProgram } from "../../../../test/fakes/program.ts";
import { executablePath } from "./executable-path.ts";

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "cs-exe-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("the path of a running program is that of its file", async (context) => {
  const path = join(folder(context), "app");
  const program = await startProgram(context, path);
  assert.equal(executablePath(`/proc/${program.pid}/exe`), path);
});

test("a program whose file was replaced keeps its path while it runs", async (context) => {
  const path = join(folder(context), "app");
  const program = await startProgram(context, path);
  writeFileSync(`${path}.new`, "another");
  renameSync(`${path}.new`, path);
  assert.equal(executablePath(`/proc/${program.pid}/exe`), path);
});

test("the suffix is taken off even when the old file lives on under another name", async (context) => {
  const path = join(folder(context), "app");
  const program = await startProgram(context, path);
  linkSync(path, `${path}.backup`);
  rmSync(path);
  assert.equal(executablePath(`/proc/${program.pid}/exe`), path);
});

test("a file whose own name ends in (deleted) is not passed off as the one without", async (context) => {
  const path = join(folder(context), "app (deleted)");
  const program = await startProgram(context, path);
  assert.equal(executablePath(`/proc/${program.pid}/exe`), path);
  rmSync(path);
  assert.equal(executablePath(`/proc/${program.pid}/exe`), path);
});

test("a name that is not UTF-8 has no path selector", (context) => {
  const link = join(folder(context), "exe");
  symlinkSync(Buffer.concat([Buffer.from("/bin/a"), Buffer.from([0xff])]), link);
  assert.equal(executablePath(link), undefined);
});
