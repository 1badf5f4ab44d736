import { constants } from "node:fs";
import { open, rename, rm, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface ReplaceFileOptions {
  /** From the first byte on. Default 0600. */
  readonly mode?: number;
  /** Name beside `path` under which it is written, and which a crash may leave behind. Default `.<name>.new`. */
  readonly temporaryName?: string;
}

/**
 * Replaces `path` in one step: whoever reads it, and whoever starts after a crash or a loss of power, sees the old or the
 * new content as a whole. Durable when it resolves; when it rejects, nothing of the new content stays.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  options: ReplaceFileOptions = {},
): Promise<void> {
  const { mode = 0o600, temporaryName = `.${basename(path)}.new` } = options;
  const temporary = join(dirname(path), temporaryName);
  // A left-over of a crash may be there; it is ours, and a link put in its place must not be followed.
  await rm(temporary, { force: true });
  try {
    const file = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      mode,
    );
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Idempotent. Durable when it resolves. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes durable which files are in it. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
