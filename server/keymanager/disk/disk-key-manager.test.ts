import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { encodeSpki } from "../../../certs/index.ts";
import { keyManagerContract } from "../../../test/contract/key-manager.ts";
import type { KeyManager } from "../../issuance/ports.ts";
import { DiskKeyManager } from "./disk-key-manager.ts";

const base = await mkdtemp(join(tmpdir(), "countersign-keys-"));
after(() => rm(base, { recursive: true, force: true }));

let count = 0;
function freshDirectory(): string {
  count += 1;
  return join(base, String(count), "keys");
}

const directories = new Map<KeyManager, string>();
keyManagerContract({
  name: "disk",
  local: true,
  open: async () => {
    const directory = freshDirectory();
    const manager = await DiskKeyManager.open(directory);
    directories.set(manager, directory);
    return manager;
  },
  reopen: (manager) => DiskKeyManager.open(directories.get(manager) ?? ""),
});

async function withKey(): Promise<{ readonly directory: string; readonly file: string; readonly spki: Uint8Array }> {
  const directory = freshDirectory();
  const manager = await DiskKeyManager.open(directory);
  const publicKey = await manager.generateKey("a", "ec-p256");
  return { directory, file: join(directory, "a.key.pem"), spki: encodeSpki(publicKey) };
}

describe("DiskKeyManager", () => {
  it("keeps keys readable by the owner only", async () => {
    const { directory, file } = await withKey();
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it("takes away permissions that were given since", async () => {
    const { directory, file } = await withKey();
    await chmod(directory, 0o755);
    await chmod(file, 0o644);
    const manager = await DiskKeyManager.open(directory);
    await manager.signer("a");
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  const damages: readonly [string, (pem: string) => string][] = [
    ["an empty file", () => ""],
    ["half a file", (pem) => pem.slice(0, pem.length / 2)],
    ["other text", () => "not a key"],
    ["a file that is far too long", (pem) => pem + "\n".repeat(20_000)],
  ];
  for (const [name, damage] of damages) {
    it(`refuses ${name} and leaves it as it is`, async () => {
      const { directory, file } = await withKey();
      const damaged = damage(await readFile(file, "utf8"));
      await writeFile(file, damaged);
      const manager = await DiskKeyManager.open(directory);
      await assert.rejects(manager.publicKey("a"), { code: "ERR_KEY_CORRUPT" });
      await assert.rejects(manager.signer("a"), { code: "ERR_KEY_CORRUPT" });
      await assert.rejects(manager.localKey("a"), { code: "ERR_KEY_CORRUPT" });
      assert.deepEqual(await manager.listKeyIds(), ["a"]);
      assert.equal(await readFile(file, "utf8"), damaged);
    });
  }

  it("refuses a key whose private half was altered", async () => {
    const { directory, file } = await withKey();
    const lines = (await readFile(file, "utf8")).split("\n");
    const der = Buffer.from(lines.slice(1, 4).join(""), "base64");
    // PKCS#8 of P-256: the 32 bytes of the private scalar start at 36.
    der[50] = (der[50] ?? 0) ^ 0x01;
    await writeFile(file, `-----BEGIN PRIVATE KEY-----\n${der.toString("base64")}\n-----END PRIVATE KEY-----\n`);
    const manager = await DiskKeyManager.open(directory);
    await assert.rejects(manager.signer("a"), { code: "ERR_KEY_CORRUPT" });
  });

  it("does not follow a link", async () => {
    const { directory, file } = await withKey();
    await symlink(file, join(directory, "b.key.pem"));
    const manager = await DiskKeyManager.open(directory);
    await assert.rejects(manager.publicKey("b"), { code: "ERR_KEY_STORAGE" });
  });

  it("drops what a crash before the rename left, and keeps the old key", async () => {
    const { directory, file, spki } = await withKey();
    await writeFile(`${file}.unfinished`, "half a k");
    const manager = await DiskKeyManager.open(directory);
    assert.deepEqual(await readdir(directory), ["a.key.pem"]);
    assert.deepEqual(encodeSpki((await manager.signer("a")).publicKey), spki);
  });

  it("says so when the directory cannot be used", async () => {
    const path = join(base, "a-file");
    await writeFile(path, "");
    await assert.rejects(DiskKeyManager.open(path), { code: "ERR_KEY_STORAGE" });
    await assert.rejects(DiskKeyManager.open(join(path, "keys")), { code: "ERR_KEY_STORAGE" });
  });
});
