import { renameSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileChanges, Layout } from "./layout.ts";
import { ownerToKeep, syncFolder, writeNewFile } from "./new-file.ts";
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
    const moves: { readonly from: string; readonly to: string }[] = [];
    try {
      for (const { name, content, mode } of changed) {
        const to = join(this.#folder, name);
        const from = join(dirname(to), `.${basename(to)}.new`);
        await mkdir(dirname(to), { recursive: true, mode: 0o755 });
        await writeNewFile({ path: from, content, mode, owner: await ownerToKeep(to) });
        moves.push({ from, to });
      }
      // Without giving way to anything else between them.
      for (const { from, to } of moves) renameSync(from, to);
    } catch (error) {
      // A key must not stay where nobody looks for one.
      for (const { from } of moves) await rm(from, { force: true });
      throw error;
    }
    if (!this.#isTidy) await removeRounds(this.#folder);
    this.#isTidy = true;
    for (const name of gone) await rm(join(this.#folder, name), { force: true });
    const touched = [...changed.map(({ name }) => name), ...gone].map((name) => dirname(join(this.#folder, name)));
    for (const folder of new Set(touched)) await syncFolder(folder);
  }
}
