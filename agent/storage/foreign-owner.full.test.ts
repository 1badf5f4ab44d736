// needs: root; budget: 20
import assert from "node:assert/strict";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TrustDomain } from "../../spiffe/index.ts";
import { NodeFiles } from "./node-files.ts";

test("files of another user in the data directory are refused", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "st-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const files = await NodeFiles.open(folder, TrustDomain.parse("example.org"));
  for (const [name, load] of [
    ["identity.json", () => files.loadState()],
    ["bundle.json", () => files.loadBundle()],
  ] as const) {
    writeFileSync(join(folder, name), "{}", { mode: 0o600 });
    await assert.rejects(load, { code: "ERR_NODE_STATE_CORRUPT" });
    chownSync(join(folder, name), 12_345, 12_345);
    await assert.rejects(load, { code: "ERR_NODE_STATE_EXPOSED", message: /belongs to uid 12345/ });
  }
});
