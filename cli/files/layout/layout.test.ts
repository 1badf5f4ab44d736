import assert from "node:assert/strict";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { OutputFile } from "../content.ts";
import type { Layout } from "./layout.ts";
import { SeparateFiles } from "./separate-files.ts";
import { SwappedFolder } from "./swapped-folder.ts";

function stand() {
  const folder = mkdtempSync(join(tmpdir(), "layout-"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

function write(
  layout: Layout,
  contents: Readonly<Record<string, string>>,
  gone: readonly string[] = [],
): Promise<void> {
  const files = Object.entries(contents).map(([name, content]): OutputFile => {
    return { name, content, mode: 0o600, kind: "x509" };
  });
  return layout.write({ files, changed: files, gone });
}

describe("the layouts of files", () => {
  it("swap: keeps nothing of what is to be gone, and no link to it", async () => {
    using here = stand();
    const layout = new SwappedFolder(here.folder);
    await write(layout, { bundle: "b", key: "secret", chain: "c" });
    await write(layout, { bundle: "b" }, ["key", "chain"]);
    const shown = readdirSync(here.folder, { recursive: true }).map(String);
    assert.ok(!shown.some((name) => name.includes("key")), shown.join());
    assert.equal(readFileSync(join(here.folder, "bundle"), "utf8"), "b");
  });

  it("take a folder over from one another, and from an earlier choice of names", async () => {
    using here = stand();
    writeFileSync(join(here.folder, "chain"), "of spiffe-helper");
    writeFileSync(join(here.folder, "other"), "not ours");
    await write(new SwappedFolder(here.folder), { chain: "1", old: "1" });
    assert.ok(lstatSync(join(here.folder, "chain")).isSymbolicLink());
    await write(new SwappedFolder(here.folder), { chain: "2" });
    assert.deepEqual(
      readdirSync(here.folder).filter((name) => !name.startsWith("..")),
      ["chain", "other"],
    );
    await write(new SeparateFiles(here.folder), { chain: "3" });
    assert.deepEqual(readdirSync(here.folder), ["chain", "other"]);
    assert.ok(lstatSync(join(here.folder, "chain")).isFile());
    assert.equal(readFileSync(join(here.folder, "chain"), "utf8"), "3");
  });

  it("do not follow a link that somebody put in a new file's place", async () => {
    using here = stand();
    const victim = join(here.folder, "victim");
    writeFileSync(victim, "untouched");
    symlinkSync(victim, join(here.folder, ".key.new"));
    await write(new SeparateFiles(here.folder), { key: "secret" });
    assert.equal(readFileSync(victim, "utf8"), "untouched");
    assert.equal(readFileSync(join(here.folder, "key"), "utf8"), "secret");
  });
});
