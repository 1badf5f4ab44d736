import { statfs } from "node:fs/promises";

/** Filesystem types whose content never reaches a disk of its own (linux/magic.h). */
const memoryFilesystems: ReadonlyMap<number, string> = new Map([
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
]);

/** Is `path`, which must exist, on a filesystem in memory? */
export async function isInMemory(path: string): Promise<boolean> {
  const { type } = await statfs(path);
  return memoryFilesystems.has(type);
}
