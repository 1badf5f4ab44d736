import { mkdtemp, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { syncFolder } from "../../../runtime/host/replace-file.ts";
import type { OutputFile } from "../content.ts";
import type { FileChanges, Layout } from "./layout.ts";
import { exists, isMissing, type Owner, writeNewFile } from "./new-file.ts";
import { type OpenFolder, openBelow, openRoot, ownerToKeep } from "./open-folder.ts";

const current = "..data";
const generation = "..gen-";

/** All that is left of this layout in a folder that has another one now, but for links that lead to what is there. */
export async function removeRounds(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const isOurs = name === current || name.startsWith(generation);
    if (isOurs || (await linkTarget(path)) === join(current, name)) await rm(path, { recursive: true, force: true });
  }
}

/**
 * All files of one round are in a folder of their own; `..data` is a link to the newest, and `NAME` one to `..data/NAME`, as
 * Kubernetes mounts secrets. One rename exchanges everything, so that neither a crash nor a reader who resolves `..data`
 * once finds files of two rounds. The round before stays for readers who are at it.
 */
export class SwappedFolder implements Layout {
  readonly #folder: string;
  #isTidy = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write({ files, gone }: FileChanges): Promise<void> {
    const root = await openRoot(this.#folder);
    let before: string | undefined;
    let next: string;
    try {
      before = await this.#target();
      next = await this.#newGeneration(root, files, before);
    } finally {
      await root.handle.close();
    }
    try {
      await this.#link(current, next);
    } catch (error) {
      await rm(join(this.#folder, next), { recursive: true, force: true });
      throw error;
    }
    for (const name of topLevel(files.map((file) => file.name))) await this.#link(name, join(current, name));
    const kept = topLevel(files.map((file) => file.name));
    for (const name of topLevel(gone)) if (!kept.has(name)) await rm(join(this.#folder, name), { force: true });
    await syncFolder(this.#folder);
    // What is to be gone must not lie on in the round before.
    await this.#removeOld(new Set([next, gone.length === 0 ? before : next]), kept);
  }

  /** Name of the folder that `..data` leads to. */
  async #target(): Promise<string | undefined> {
    try {
      return await readlink(join(this.#folder, current));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #newGeneration(root: OpenFolder, files: readonly OutputFile[], before: string | undefined): Promise<string> {
    const opened = new Map<string, OpenFolder>();
    try {
      const made = basename(await mkdtemp(join(root.path, generation)));
      try {
        opened.set(made, await openBelow(root, [made]));
        for (const { name, content, mode } of files) {
          const folders = [made, ...name.split("/").slice(0, -1)];
          const key = folders.join("/");
          const folder = opened.get(key) ?? (await openBelow(root, folders));
          opened.set(key, folder);
          const owner = await this.#ownerToKeep(root, name, before);
          await writeNewFile({ path: join(folder.path, basename(name)), content, mode, owner });
        }
        for (const { handle } of opened.values()) {
          // What may be read is said by each file; not by the umask either.
          await handle.chmod(0o755);
          await handle.sync();
        }
        return made;
      } catch (error) {
        await rm(join(root.path, made), { recursive: true, force: true });
        throw error;
      }
    } finally {
      for (const { handle } of opened.values()) await handle.close();
    }
  }

  /** Of the file in the round before; of the one that another layout, or the user, put in its place. */
  async #ownerToKeep(root: OpenFolder, name: string, before: string | undefined): Promise<Owner | undefined> {
    const isRound = before?.startsWith(generation) === true && !before.includes("/");
    return (isRound ? await ownerToKeep(root, join(before, name)) : undefined) ?? ownerToKeep(root, name);
  }

  /** A link in the place of whatever file was there, in one step. */
  async #link(name: string, target: string): Promise<void> {
    const path = join(this.#folder, name);
    if (name !== current && (await linkTarget(path)) === target) return;
    const temporary = join(this.#folder, `.${name}.new`);
    await rm(temporary, { force: true });
    await symlink(target, temporary);
    try {
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Older rounds; at first also what an earlier process left: half a round, or links to files that are no more. */
  async #removeOld(keep: ReadonlySet<string | undefined>, names: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (name.startsWith(generation) && !keep.has(name)) await rm(path, { recursive: true, force: true });
      else if (!this.#isTidy && !names.has(name) && (await linkTarget(path)) === join(current, name)) {
        if (!(await exists(join(this.#folder, current, name)))) await rm(path, { force: true });
      }
    }
    this.#isTidy = true;
  }
}

/** `undefined` for what is no link, or not there. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch {
    return undefined;
  }
}

function topLevel(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.split("/", 1)[0] ?? name));
}
