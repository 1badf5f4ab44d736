import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** A folder outside the tree for what is compiled from `lockFile`, and from nothing else, by a tool that mends what it finds. */
export function cacheFor(lockFile: string, kind: string): string {
  const key = createHash("sha256").update(readFileSync(lockFile)).digest("hex").slice(0, 16);
  const root = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "countersign-interop");
  const folder = join(root, `${kind}-${key}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** The same for what `fill` puts there once. It gets the folder empty; a run that was cut short leaves nothing that looks whole. */
export function cachedBy(lockFile: string, kind: string, fill: (folder: string) => void): string {
  const folder = cacheFor(lockFile, kind);
  if (existsSync(join(folder, "whole"))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  fill(folder);
  mkdirSync(join(folder, "whole"));
  return folder;
}
