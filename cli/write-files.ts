import { dirname } from "node:path";
import { ensureFolder } from "../runtime/host/ensure-folder.ts";
import { replaceFile } from "../runtime/host/replace-file.ts";

export interface NewFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/** Each in place of what was there, whole or not at all, and never readable by more than `mode` says. */
export async function writeFiles(files: readonly NewFile[]): Promise<void> {
  for (const { path, content, mode } of files) {
    ensureFolder(dirname(path));
    await replaceFile(path, content, { mode });
  }
}
