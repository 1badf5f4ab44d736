import { createPublicKey, type KeyObject } from "node:crypto";
import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { generateKey } from "../../../certs/index.ts";
import { ensureFolder } from "../../../runtime/host/ensure-folder.ts";
import { removeFile } from "../../../runtime/host/replace-file.ts";
import { ServiceError } from "../../../transport/errors/service-error.ts";
import { serverErrors } from "../../errors.ts";
import type { AuthorityKeyType, KeyManager, Signer } from "../../issuance/ports.ts";
import { checkKeyId } from "../key-id.ts";
import { localSigner } from "../local-signer.ts";
import { readKeyFile, unfinishedSuffix, writeKeyFile } from "./key-file.ts";

const keySuffix = ".key.pem";

/**
 * One PKCS#8 file a key, 0600 in a directory of 0700. What resolves is on the disk. Keys are read when first used
 * and kept; a damaged file fails the call that needs it (ERR_KEY_CORRUPT) and is never replaced by a new key unless
 * `generateKey` names it. One process at a time uses a directory.
 */
export class DiskKeyManager implements KeyManager {
  readonly #directory: string;
  readonly #keys = new Map<string, KeyObject>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Creates the directory when missing. @throws ERR_KEY_STORAGE */
  static async open(directory: string): Promise<DiskKeyManager> {
    return attempt("open", async () => {
      ensureFolder(directory);
      await chmod(directory, 0o700);
      for (const name of await readdir(directory)) {
        if (name.endsWith(unfinishedSuffix)) await rm(join(directory, name));
      }
      return new DiskKeyManager(directory);
    });
  }

  async generateKey(keyId: string, type: AuthorityKeyType): Promise<KeyObject> {
    const path = this.#path(keyId);
    const key = await generateKey(type);
    await attempt("write", () => writeKeyFile(path, key));
    this.#keys.set(keyId, key);
    return createPublicKey(key);
  }

  async publicKey(keyId: string): Promise<KeyObject | undefined> {
    const key = await this.localKey(keyId);
    return key === undefined ? undefined : createPublicKey(key);
  }

  async listKeyIds(): Promise<readonly string[]> {
    const names = await attempt("list", () => readdir(this.#directory));
    return names
      .filter((name) => name.endsWith(keySuffix))
      .map((name) => name.slice(0, -keySuffix.length))
      .sort();
  }

  async deleteKey(keyId: string): Promise<void> {
    const path = this.#path(keyId);
    this.#keys.delete(keyId);
    await attempt("delete", () => removeFile(path));
  }

  async signer(keyId: string): Promise<Signer> {
    const key = await this.localKey(keyId);
    if (key === undefined) throw serverErrors.error("ERR_KEY_NOT_FOUND", `there is no key "${keyId}"`);
    return localSigner(key);
  }

  async localKey(keyId: string): Promise<KeyObject | undefined> {
    const path = this.#path(keyId);
    const known = this.#keys.get(keyId);
    if (known !== undefined) return known;
    const key = await attempt("read", () => readKeyFile(path));
    if (key !== undefined) this.#keys.set(keyId, key);
    return key;
  }

  #path(keyId: string): string {
    checkKeyId(keyId);
    return join(this.#directory, `${keyId}${keySuffix}`);
  }
}

async function attempt<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof ServiceError) throw cause;
    throw serverErrors.error("ERR_KEY_STORAGE", `could not ${what} in the keys directory`, { cause });
  }
}
