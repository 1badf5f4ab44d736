import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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

  for (const [name, make] of [
    ["swap", (folder: string) => new SwappedFolder(folder)],
    ["files", (folder: string) => new SeparateFiles(folder)],
  ] as const) {
    const stranger = 65_534;
    const ownerOf = (path: string): number => statSync(path).uid;

    it(`${name}: gives nothing to a stranger who made a folder, a file or the whole first`, async () => {
      if (process.getuid?.() !== 0) return;
      using here = stand();
      chmodSync(here.folder, 0o1777);
      for (const folder of ["a", "..gen-abcdef", "..gen-abcdef/b"]) {
        mkdirSync(join(here.folder, folder));
        chownSync(join(here.folder, folder), stranger, stranger);
      }
      for (const file of ["a/key.pem", "..gen-abcdef/b/key.pem", "top.pem"]) {
        writeFileSync(join(here.folder, file), "");
        chownSync(join(here.folder, file), stranger, stranger);
      }
      symlinkSync("..gen-abcdef", join(here.folder, "..data"));
      const layout = make(here.folder);
      for (const file of ["b/key.pem", "a/key.pem", "top.pem"]) {
        await write(layout, { [file]: "secret" }).catch(() => {});
        const path = join(here.folder, file);
        const isOurs = existsSync(path) && readFileSync(path, "utf8") === "secret";
        if (isOurs) assert.equal(ownerOf(path), 0, file);
        else assert.equal(file, "a/key.pem");
      }
      chmodSync(here.folder, 0o755);
      chownSync(here.folder, stranger, stranger);
      await assert.rejects(write(make(here.folder), { "key.pem": "secret" }), { code: "ERR_CERT_DIR_UNSAFE" });
    });

    it(`${name}: keeps an owner where only we can have made the file`, async () => {
      if (process.getuid?.() !== 0) return;
      using here = stand();
      mkdirSync(join(here.folder, "a"));
      writeFileSync(join(here.folder, "a/key.pem"), "");
      chownSync(join(here.folder, "a/key.pem"), 1, 1);
      writeFileSync(join(here.folder, "key.pem"), "");
      chownSync(join(here.folder, "key.pem"), 1, 1);
      const layout = make(here.folder);
      const files = name === "swap" ? ["key.pem"] : ["key.pem", "a/key.pem"];
      for (const content of ["1", "2"]) {
        await write(layout, Object.fromEntries(files.map((file) => [file, content])));
        for (const file of files) {
          assert.equal(readFileSync(join(here.folder, file), "utf8"), content);
          assert.equal(ownerOf(join(here.folder, file)), 1);
        }
      }
    });
  }

  it("take no folder below one whose owner could put another in its place", async () => {
    if (process.getuid?.() !== 0) return;
    for (const make of [(folder: string) => new SwappedFolder(folder), (folder: string) => new SeparateFiles(folder)]) {
      using here = stand();
      const [above, folder] = [join(here.folder, "above"), join(here.folder, "above/certs")];
      mkdirSync(folder, { recursive: true });
      const refused = { code: "ERR_CERT_DIR_UNSAFE", message: new RegExp(above) };
      chownSync(above, 65_534, 65_534);
      await assert.rejects(write(make(folder), { "key.pem": "secret" }), refused);
      chownSync(above, 0, 0);
      assert.deepEqual(readdirSync(folder), []);
      // As an emptyDir of Kubernetes.
      chmodSync(above, 0o777);
      await write(make(folder), { "key.pem": "secret" });
      assert.equal(readFileSync(join(folder, "key.pem"), "utf8"), "secret");
    }
  });

  it("files: follows no link to another folder, and goes into none of a stranger", async () => {
    using here = stand();
    const [victim, folder] = [join(here.folder, "victim"), join(here.folder, "certs")];
    mkdirSync(victim);
    mkdirSync(folder);
    writeFileSync(join(victim, "svid.pem"), "untouched");
    symlinkSync(victim, join(folder, "tls"));
    const refused = { code: "ERR_CERT_DIR_UNSAFE" };
    await assert.rejects(write(new SeparateFiles(folder), { "tls/svid.pem": "new" }), refused);
    assert.equal(readFileSync(join(victim, "svid.pem"), "utf8"), "untouched");
    if (process.getuid?.() !== 0) return;
    mkdirSync(join(folder, "theirs"));
    chownSync(join(folder, "theirs"), 65_534, 65_534);
    await assert.rejects(write(new SeparateFiles(folder), { "theirs/svid.pem": "new" }), refused);
  });
});
