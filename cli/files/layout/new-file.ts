import { constants } from "node:fs";
import { lstat, open, rm } from "node:fs/promises";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface NewFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
  /** Whose file it takes the place of, when there is one. */
  readonly owner: Owner | undefined;
}

/** A file that is not there yet, durable when it resolves; never readable by more than `mode` says. */
export async function writeNewFile({ path, content, mode, owner }: NewFile): Promise<void> {
  // What a crash left there; a link put in its place must not be followed.
  await rm(path, { force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(content);
    // Who may not give it away keeps it: the folder lets us replace the file, and that is what counts.
    if (owner !== undefined) await file.chown(owner.uid, owner.gid).catch(() => {});
    // Not by `open`, which the umask would narrow.
    await file.chmod(mode);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
