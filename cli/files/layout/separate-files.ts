import { renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileChanges, Layout } from "./layout.ts";
import { writeNewFile } from "./new-file.ts";
import { type OpenFolder, openBelow, openRoot, ownerToKeep } from "./open-folder.ts";
import { removeRounds } from "./swapped-folder.ts";

/**
 * Each file is replaced by itself. All new ones are on the disk before the first takes its place, and then they do one right
 * after the other, trust before what needs it: two files of one round may differ for some microseconds.
 */
export class SeparateFiles implements Layout {
  readonly #folder: string;
  #isTidy = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write({ changed, gone }: FileChanges): Promise<void> {
    const root = await openRoot(this.#folder);
    const opened = new Map<string, OpenFolder>([["", root]]);
    /** Of a file name: what to call the file through its folder. */
    const pathOf = async (name: string): Promise<string> => {
      const [last = name, ...folders] = name.split("/").toReversed();
      const key = folders.toReversed().join("/");
      const folder = opened.get(key) ?? (await openBelow(root, folders.toReversed()));
      opened.set(key, folder);
      return join(folder.path, last);
    };
    try {
      await this.#replace(root, changed, pathOf);
      if (!this.#isTidy) await removeRounds(this.#folder);
      this.#isTidy = true;
      for (const name of gone) await rm(await pathOf(name), { force: true });
      for (const { handle } of opened.values()) await handle.sync();
    } finally {
      for (const { handle } of opened.values()) await handle.close();
    }
  }

  async #replace(
    root: OpenFolder,
    changed: FileChanges["changed"],
    pathOf: (name: string) => Promise<string>,
  ): Promise<void> {
    const moves: { readonly from: string; readonly to: string }[] = [];
    try {
      for (const { name, content, mode } of changed) {
        const to = await pathOf(name);
        const from = join(dirname(to), `.${basename(to)}.new`);
        await writeNewFile({ path: from, content, mode, owner: await ownerToKeep(root, name) });
        moves.push({ from, to });
      }
      // Without giving way to anything else between them.
      for (const { from, to } of moves) renameSync(from, to);
    } catch (error) {
      // A key must not stay where nobody looks for one.
      for (const { from } of moves) await rm(from, { force: true });
      throw error;
    }
  }
}
