import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * A folder outside the tree for what is installed or compiled from `lockFile`, and from nothing else. `fill` gets it empty;
 * a run that was cut short leaves nothing that looks whole.
 */
export function cachedBy(lockFile: string, kind: string, fill: (folder: string) => void): string {
  const key = createHash("sha256").update(readFileSync(lockFile)).digest("hex").slice(0, 16);
  const root = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "countersign-interop");
  const folder = join(root, `${kind}-${key}`);
  if (existsSync(join(folder, "whole"))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  fill(folder);
  mkdirSync(join(folder, "whole.part"));
  renameSync(join(folder, "whole.part"), join(folder, "whole"));
  return folder;
}
