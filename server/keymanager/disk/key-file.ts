import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { replaceFile } from "../../../runtime/host/replace-file.ts";
import { serverErrors } from "../../errors.ts";

/** An RSA-4096 key in PEM is 3,272 bytes; anything much longer is not a key of ours. */
const keyFileMaxBytes = 8192;

/** Suffix of files that are not keys yet: what a crash between write and rename leaves behind. */
export const unfinishedSuffix = ".unfinished";

/**
 * Puts a key in its place so that at every moment, power loss included, the file is the old one, the new one or
 * absent. Mode 0600 from the first byte.
 */
export async function writeKeyFile(path: string, key: KeyObject): Promise<void> {
  const pem = key.export({ format: "pem", type: "pkcs8" });
  await replaceFile(path, pem, { temporaryName: `${basename(path)}${unfinishedSuffix}` });
}

/**
 * `undefined` when there is no such file.
 * @throws ERR_KEY_CORRUPT when there is one that is not a whole, consistent private key
 */
export async function readKeyFile(path: string): Promise<KeyObject | undefined> {
  const pem = await readBounded(path);
  if (pem === undefined) return undefined;
  try {
    const key = createPrivateKey(pem);
    if (isConsistent(key)) return key;
  } catch (cause) {
    throw corrupt(path, cause);
  }
  throw corrupt(path, undefined);
}

/** OpenSSL takes a stored public half on trust; a signature shows whether the private half belongs to it. */
function isConsistent(key: KeyObject): boolean {
  const probe = Buffer.from("countersign key file probe");
  return verify("sha256", probe, createPublicKey(key), sign("sha256", probe, key));
}

async function readBounded(path: string): Promise<Buffer | undefined> {
  try {
    // O_NOFOLLOW: a link in the keys directory is not something this program put there.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size, mode } = await file.stat();
      if (size > keyFileMaxBytes) throw corrupt(path, new Error(`it has ${size} bytes`));
      if ((mode & 0o077) !== 0) await file.chmod(0o600);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function corrupt(path: string, cause: unknown): Error {
  return serverErrors.error("ERR_KEY_CORRUPT", `the key file ${path} is not a whole private key`, { cause });
}
