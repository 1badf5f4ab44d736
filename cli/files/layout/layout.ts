import type { OutputFile } from "../content.ts";

export interface FileChanges {
  /** Everything there is to be, in the order in which readers may see it come. */
  readonly files: readonly OutputFile[];
  /** Those of `files` that are new or differ from what this process wrote last. */
  readonly changed: readonly OutputFile[];
  /** Names of files that are no more. */
  readonly gone: readonly string[];
}

/** How files get into the folder. */
export interface Layout {
  /** Durable when it resolves; when it rejects, readers see what was there before, each file as a whole. */
  write(changes: FileChanges): Promise<void>;
}
