import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { correctSocketMode } from "./socket-path.ts";

describe("correctSocketMode()", () => {
  it("gives a socket the mode it should have", async () => {
    const folder = mkdtempSync(join(tmpdir(), "m-"));
    const path = join(folder, "s.sock");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    chmodSync(path, 0o700);
    correctSocketMode(path, 0o770);
    assert.equal(statSync(path).mode & 0o777, 0o770);
    server.close();
    rmSync(folder, { recursive: true });
  });

  it("follows no link that was put in the socket's place, and leaves other files alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "m-"));
    const victim = join(folder, "victim");
    const path = join(folder, "s.sock");
    writeFileSync(victim, "secret", { mode: 0o600 });
    symlinkSync(victim, path);
    correctSocketMode(path, 0o777);
    correctSocketMode(victim, 0o777);
    assert.equal(statSync(victim).mode & 0o777, 0o600);
    rmSync(folder, { recursive: true });
  });
});
