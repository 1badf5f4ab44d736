import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, mkdir, open, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { inputError } from "../../exit-codes.ts";
import { isMissing, type Owner } from "./new-file.ts";

/**
 * A folder that is held open: what is done below `path` is done in it, though somebody puts a link in its place meanwhile.
 */
export interface OpenFolder {
  readonly path: string;
  readonly handle: FileHandle;
}

/** The folder for files itself. @throws CommandError ERR_CERT_DIR_UNSAFE when it may be a stranger's making */
export async function openRoot(path: string): Promise<OpenFolder> {
  await checkRoot(path);
  return held(await open(path, constants.O_RDONLY | constants.O_DIRECTORY));
}

/**
 * A folder below `root`, made where it is missing; both stay open.
 * @throws CommandError ERR_CERT_DIR_UNSAFE when one on the way is a link, or of somebody else
 */
export async function openBelow(root: OpenFolder, names: readonly string[]): Promise<OpenFolder> {
  const rootOwner = (await root.handle.stat()).uid;
  let folder = held(await open(root.path, constants.O_RDONLY | constants.O_DIRECTORY));
  try {
    for (const name of names) {
      const path = join(folder.path, name);
      await mkdir(path, { mode: 0o755 }).catch(unlessThere);
      if ((await lstat(path)).isSymbolicLink()) throw unsafe(`${name} in it is a link`);
      const next = held(await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
      await folder.handle.close();
      folder = next;
      const { uid } = await folder.handle.stat();
      if (!isTrusted(uid) && uid !== rootOwner) throw unsafe(`${name} in it is of uid ${uid}`);
    }
    return folder;
  } catch (error) {
    await folder.handle.close();
    throw error;
  }
}

/**
 * Owner and group of the file `name` below `root`, which the user may have given it; `undefined` without one. They are
 * believed only where nobody else can have made the file: otherwise a stranger has the key written for them.
 */
export async function ownerToKeep(root: OpenFolder, name: string): Promise<Owner | undefined> {
  const rootStats = await root.handle.stat();
  const isBelieved = ({ uid, mode }: Stats): boolean =>
    (isTrusted(uid) || uid === rootStats.uid) && (mode & 0o022) === 0;
  if (!isBelieved(rootStats)) return undefined;
  let path = root.path;
  try {
    for (const part of name.split("/").slice(0, -1)) {
      path = join(path, part);
      const stats = await lstat(path);
      if (!stats.isDirectory() || !isBelieved(stats)) return undefined;
    }
    const stats = await lstat(join(root.path, name));
    // Of a folder that was given to a user, their files are no others'.
    const isTheirs = isTrusted(rootStats.uid) || stats.uid === rootStats.uid || isTrusted(stats.uid);
    return stats.isFile() && isTheirs ? { uid: stats.uid, gid: stats.gid } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * It is ours or root's and below no folder of others, or one that nobody but us or root can have given to its owner.
 */
async function checkRoot(path: string): Promise<void> {
  for (const part of parentsOf(resolve(path))) {
    const stats = await lstat(part);
    if (stats.isSymbolicLink() && !isTrusted(stats.uid)) throw unsafe(`${part} is a link of uid ${stats.uid}`);
  }
  const [folder, ...parents] = parentsOf(await realpath(path));
  const { uid } = await lstat(folder);
  for (const parent of parents) {
    const stats = await lstat(parent);
    if (isTrusted(uid)) checkAbove(parent, stats);
    else if (!isTrusted(stats.uid) || (stats.mode & 0o022) !== 0) {
      throw unsafe(`${folder} is of uid ${uid}, who may have made it: others can make folders in ${parent}`);
    }
  }
}

/**
 * Its owner can put other files in the place of ours, for their readers to believe. What everybody may write to, as the
 * volumes are that the containers of a pod share, is not refused: who made it so meant it.
 */
function checkAbove(parent: string, { uid }: Stats): void {
  if (!isTrusted(uid)) throw unsafe(`it is below ${parent} of uid ${uid}, who can put another in its place`);
}

/** Itself first, the root of all last. */
function parentsOf(path: string): readonly [string, ...string[]] {
  const parent = dirname(path);
  return parent === path ? [path] : [path, ...parentsOf(parent)];
}

function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function held(handle: FileHandle): OpenFolder {
  return { handle, path: `/proc/self/fd/${handle.fd}` };
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

function unsafe(message: string): Error {
  return inputError("ERR_CERT_DIR_UNSAFE", `nothing is written to the folder for files: ${message}`);
}
