import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export interface NewFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/** Each in place of what was there, whole or not at all, and never readable by more than `mode` says. */
export function writeFiles(files: readonly NewFile[]): void {
  for (const { path, content, mode } of files) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = `${path}.new`;
    rmSync(temporary, { force: true });
    writeFileSync(temporary, content, { mode, flag: "wx" });
    try {
      renameSync(temporary, path);
    } catch (error) {
      // A key must not stay where nobody looks for one.
      rmSync(temporary, { force: true });
      throw error;
    }
  }
}
