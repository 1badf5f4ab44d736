import assert from "node:assert/strict";
import { verify } from "node:crypto";
import { describe, it } from "node:test";
import { encodeSpki } from "../../certs/index.ts";
import type { AuthorityKeyType, KeyManager } from "../../server/issuance/ports.ts";

export interface KeyManagerCase {
  readonly name: string;
  /** A key manager without keys. */
  readonly open: () => Promise<KeyManager>;
  /** Whether private keys are handed to this process's signing workers. */
  readonly local: boolean;
  /** The same storage opened again, for managers whose keys outlive the process. */
  readonly reopen?: (manager: KeyManager) => Promise<KeyManager>;
}

const message = Buffer.from("to be signed");
const types: readonly [AuthorityKeyType, string, "sha256" | "sha384"][] = [
  ["ec-p256", "ES256", "sha256"],
  ["ec-p384", "ES384", "sha384"],
  ["rsa-2048", "RS256", "sha256"],
];

/** What everything that calls itself a `KeyManager` must do. */
export function keyManagerContract(subject: KeyManagerCase): void {
  describe(`KeyManager contract: ${subject.name}`, () => {
    it("has no keys at first", async () => {
      const manager = await subject.open();
      assert.deepEqual(await manager.listKeyIds(), []);
      assert.equal(await manager.publicKey("a"), undefined);
      assert.equal(await manager.localKey("a"), undefined);
    });

    for (const [type, algorithm, digest] of types) {
      it(`signs with ${type} as ${algorithm}, verifiable with the public key it returned`, async () => {
        const manager = await subject.open();
        const publicKey = await manager.generateKey("a", type);
        const signer = await manager.signer("a");
        assert.equal(publicKey.type, "public");
        assert.equal(signer.algorithm, algorithm);
        assert.deepEqual(encodeSpki(signer.publicKey), encodeSpki(publicKey));
        const signature = await signer.sign(message);
        assert.equal(verify(digest, message, publicKey, signature), true);
        assert.equal(verify(digest, Buffer.from("something else"), publicKey, signature), false);
      });
    }

    it("finds a key by its id only", async () => {
      const manager = await subject.open();
      const a = await manager.generateKey("a", "ec-p256");
      const b = await manager.generateKey("b", "ec-p256");
      assert.deepEqual(await manager.listKeyIds(), ["a", "b"]);
      assert.deepEqual(encodeSpki((await manager.publicKey("b")) ?? a), encodeSpki(b));
      assert.notDeepEqual(encodeSpki(a), encodeSpki(b));
    });

    it("replaces a key of the same id", async () => {
      const manager = await subject.open();
      const first = await manager.generateKey("a", "ec-p256");
      const second = await manager.generateKey("a", "ec-p256");
      assert.notDeepEqual(encodeSpki(first), encodeSpki(second));
      assert.deepEqual(encodeSpki((await manager.signer("a")).publicKey), encodeSpki(second));
      assert.deepEqual(await manager.listKeyIds(), ["a"]);
    });

    it("forgets a deleted key, and deleting twice is fine", async () => {
      const manager = await subject.open();
      await manager.generateKey("a", "ec-p256");
      await manager.deleteKey("a");
      await manager.deleteKey("a");
      assert.deepEqual(await manager.listKeyIds(), []);
      assert.equal(await manager.publicKey("a"), undefined);
      await assert.rejects(manager.signer("a"), { code: "ERR_KEY_NOT_FOUND" });
    });

    for (const keyId of ["", ".", "..", "../a", "a/b", "a\0b", "-a", "a".repeat(129), "ä"]) {
      it(`refuses the key id ${JSON.stringify(keyId.slice(0, 8))} of ${keyId.length} characters`, async () => {
        const manager = await subject.open();
        await assert.rejects(manager.generateKey(keyId, "ec-p256"), { code: "ERR_KEY_ID_INVALID" });
      });
    }

    it(subject.local ? "hands its key to the signing workers" : "keeps its private key to itself", async () => {
      const manager = await subject.open();
      await manager.generateKey("a", "ec-p256");
      assert.equal((await manager.localKey("a"))?.type, subject.local ? "private" : undefined);
    });

    const { reopen } = subject;
    if (reopen !== undefined) {
      it("still has its keys after a restart", async () => {
        const manager = await subject.open();
        const before = await manager.generateKey("a", "ec-p384");
        await manager.generateKey("b", "ec-p256");
        await manager.deleteKey("b");
        const again = await reopen(manager);
        assert.deepEqual(await again.listKeyIds(), ["a"]);
        assert.deepEqual(encodeSpki((await again.signer("a")).publicKey), encodeSpki(before));
      });
    }
  });
}
