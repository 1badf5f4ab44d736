import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { OutputFile } from "../../../cli/files/content.ts";
import { SeparateFiles } from "../../../cli/files/layout/separate-files.ts";
import { SwappedFolder } from "../../../cli/files/layout/swapped-folder.ts";

const writer = fileURLToPath(new URL("../../fixtures/files-writer.ts", import.meta.url));
const names = ["bundle", "key", "chain"];

/** The round that a file is of; it must be there as a whole. */
function roundOf(path: string): string {
  const lines = readFileSync(path, "utf8").split("\n");
  assert.equal(lines.length, 20_001, `half of ${path}`);
  assert.equal(new Set(lines.slice(0, -1)).size, 1, `${path} is of two rounds`);
  return lines[0] ?? "";
}

describe("files that are being written", () => {
  for (const layout of ["swap", "files"] as const) {
    it(`${layout}: after a kill at any moment files are whole${layout === "swap" ? " and of one round" : ""}; the next start tidies up`, async (context) => {
      const folder = mkdtempSync(join(tmpdir(), "fk-"));
      context.after(() => rmSync(folder, { recursive: true, force: true }));
      for (let kill = 0; kill < 6; kill += 1) {
        const child = spawn(process.execPath, [writer, folder, layout], { stdio: ["ignore", "pipe", "inherit"] });
        await once(child.stdout, "data");
        // Wherever it is by then: each time a little later in a round of a few milliseconds.
        for (let turn = 0; turn < kill * 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        child.kill("SIGKILL");
        await once(child, "close");
        const rounds = names.map((name) => roundOf(join(folder, name)));
        if (layout === "swap") assert.equal(new Set(rounds).size, 1, `rounds ${rounds}`);
      }
      const next = layout === "swap" ? new SwappedFolder(folder) : new SeparateFiles(folder);
      const files = names.map((name): OutputFile => ({ name, content: name, mode: 0o600, kind: "x509" }));
      await next.write({ files, changed: files, gone: [] });
      const rest = readdirSync(folder).filter((name) => !names.includes(name) && name !== "..data");
      assert.equal(rest.filter((name) => name.startsWith("..gen-")).length, layout === "swap" ? 2 : 0);
      assert.deepEqual(
        rest.filter((name) => !name.startsWith("..gen-")),
        [],
      );
    });
  }
});
