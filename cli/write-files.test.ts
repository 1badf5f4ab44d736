import assert from "node:assert/strict";
import {
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
import { writeFiles } from "./write-files.ts";

describe("writeFiles()", () => {
  it("leaves no key behind where it cannot be put, and follows no link", async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-"));
    context.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "taken"));
    const onFolder = writeFiles([{ path: join(folder, "taken"), content: "key", mode: 0o600 }]);
    await assert.rejects(onFolder, { code: "EISDIR" });
    assert.deepEqual(readdirSync(folder), ["taken"]);
    writeFileSync(join(folder, "other"), "kept");
    for (const name of ["key", ".key.new"]) symlinkSync(join(folder, "other"), join(folder, name));
    await writeFiles([{ path: join(folder, "key"), content: "key", mode: 0o600 }]);
    assert.equal(readFileSync(join(folder, "other"), "utf8"), "kept");
    assert.equal(statSync(join(folder, "key")).mode & 0o777, 0o600);
  });
});
