import { createPublicKey, type KeyObject } from "node:crypto";
import { generateKey } from "../../../certs/index.ts";
import { serverErrors } from "../../errors.ts";
import type { AuthorityKeyType, KeyManager, Signer } from "../../issuance/ports.ts";
import { checkKeyId } from "../key-id.ts";
import { localSigner } from "../local-signer.ts";

/** Keys that end with the process: every start makes new authorities. For trials, tests and simulation. */
export class MemoryKeyManager implements KeyManager {
  readonly #keys = new Map<string, KeyObject>();
  readonly #generate: (type: AuthorityKeyType) => Promise<KeyObject>;

  /** `generate` is for simulation, where work on other threads would take real time while virtual time runs on. */
  constructor(generate: (type: AuthorityKeyType) => Promise<KeyObject> = generateKey) {
    this.#generate = generate;
  }

  async generateKey(keyId: string, type: AuthorityKeyType): Promise<KeyObject> {
    checkKeyId(keyId);
    const key = await this.#generate(type);
    this.#keys.set(keyId, key);
    return createPublicKey(key);
  }

  async publicKey(keyId: string): Promise<KeyObject | undefined> {
    const key = this.#keys.get(keyId);
    return key === undefined ? undefined : createPublicKey(key);
  }

  async listKeyIds(): Promise<readonly string[]> {
    return [...this.#keys.keys()].sort();
  }

  async deleteKey(keyId: string): Promise<void> {
    this.#keys.delete(keyId);
  }

  async signer(keyId: string): Promise<Signer> {
    const key = this.#keys.get(keyId);
    if (key === undefined) throw serverErrors.error("ERR_KEY_NOT_FOUND", `there is no key "${keyId}"`);
    return localSigner(key);
  }

  async localKey(keyId: string): Promise<KeyObject | undefined> {
    return this.#keys.get(keyId);
  }
}
