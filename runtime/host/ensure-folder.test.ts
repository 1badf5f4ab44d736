import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ensureFolder } from "./ensure-folder.ts";

describe("ensureFolder()", () => {
  it("makes what is missing, for the owner only, and leaves what is there", (context) => {
    const root = mkdtempSync(join(tmpdir(), "cs-"));
    context.after(() => rmSync(root, { recursive: true }));
    const path = join(root, "a", "b", "c");
    ensureFolder(path);
    ensureFolder(path, 0o755);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.equal(statSync(join(root, "a")).mode & 0o777, 0o700);
    symlinkSync(path, join(root, "link"));
    ensureFolder(join(root, "link", "d"));
    assert.ok(statSync(join(path, "d")).isDirectory());
  });

  it("says so where there can be none", (context) => {
    const root = mkdtempSync(join(tmpdir(), "cs-"));
    context.after(() => rmSync(root, { recursive: true }));
    writeFileSync(join(root, "file"), "");
    assert.throws(() => ensureFolder(join(root, "file")), { code: "ENOTDIR" });
    assert.throws(() => ensureFolder(join(root, "file", "x")), { code: "ENOTDIR" });
    assert.throws(() => ensureFolder("/proc/nowhere/at/all"), { code: "ENOENT" });
  });
});
