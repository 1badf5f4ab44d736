import { chmod, mkdir, mkdtemp, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { OutputFile } from "../content.ts";
import type { FileChanges, Layout } from "./layout.ts";
import { exists, isMissing, ownerToKeep, syncFolder, writeNewFile } from "./new-file.ts";

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
    const before = await this.#target();
    const next = await this.#newGeneration(files);
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

  async #newGeneration(files: readonly OutputFile[]): Promise<string> {
    const made = await mkdtemp(join(this.#folder, generation));
    try {
      const folders = new Set([made]);
      for (const { name, content, mode } of files) {
        const path = join(made, name);
        await mkdir(dirname(path), { recursive: true });
        folders.add(dirname(path));
        await writeNewFile({ path, content, mode, owner: await ownerToKeep(join(this.#folder, name)) });
      }
      for (const folder of folders) {
        // What may be read is said by each file; not by the umask either.
        await chmod(folder, 0o755);
        await syncFolder(folder);
      }
      return made.slice(this.#folder.length).replace(/^\/+/, "");
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      throw error;
    }
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
