import { constants, type Stats } from "node:fs";
import { mkdir, open, rename, rm, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Replaces `path` in one step: whoever reads it, and whoever starts after a crash, sees the old or the new content as
 * a whole. Durable when it resolves. Mode 0600.
 */
export async function writeFileAtomic(path: string, content: string): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.new`);
  // A left-over of a crash may be there; it is ours, and a link put in its place must not be followed.
  await rm(temporary, { force: true });
  const file = await open(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(folder);
}

/** `undefined` when there is no such file. Refuses what is no regular file, more than `maxBytes`, and what `check` refuses. */
export async function readFileBounded(
  path: string,
  maxBytes: number,
  check: (file: Stats) => void = () => {},
): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // Without waiting: a pipe in the file's place would keep its reader for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error("it is not a regular file");
    if (stats.size > maxBytes) throw new RangeError(`${path} is larger than ${maxBytes} bytes`);
    check(stats);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** Idempotent. Durable when it resolves. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes the folder and its parents, for the owner only where they are missing. */
export async function ensureFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isMissing(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT";
}
