import type { KeyObject } from "node:crypto";
import type { AuthorityKeyType, KeyManager, Signer } from "../../server/issuance/ports.ts";
import { MemoryKeyManager } from "../../server/keymanager/memory/memory-key-manager.ts";

/** Keys that cannot leave, as in a KMS: `localKey` is always `undefined` and a signature takes a turn of the loop. */
export class RemoteKeyManager implements KeyManager {
  readonly #inside = new MemoryKeyManager();
  /** Signatures made so far. */
  signatures = 0;
  /** Answers with the signature of something else, as a mixed-up service would. */
  isMixedUp = false;

  generateKey(keyId: string, type: AuthorityKeyType): Promise<KeyObject> {
    return this.#inside.generateKey(keyId, type);
  }

  publicKey(keyId: string): Promise<KeyObject | undefined> {
    return this.#inside.publicKey(keyId);
  }

  listKeyIds(): Promise<readonly string[]> {
    return this.#inside.listKeyIds();
  }

  deleteKey(keyId: string): Promise<void> {
    return this.#inside.deleteKey(keyId);
  }

  async signer(keyId: string): Promise<Signer> {
    const signer = await this.#inside.signer(keyId);
    return {
      algorithm: signer.algorithm,
      publicKey: signer.publicKey,
      sign: async (message) => {
        await new Promise((resolve) => setImmediate(resolve));
        this.signatures += 1;
        return signer.sign(this.isMixedUp ? Buffer.from("something else") : message);
      },
    };
  }

  async localKey(): Promise<KeyObject | undefined> {
    return undefined;
  }
}
