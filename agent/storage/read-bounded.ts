import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";

/** `undefined` when there is no such file. Refuses what is no regular file, more than `maxBytes`, and what `check` refuses. */
export async function readFileBounded(
  path: string,
  maxBytes: number,
  check: (file: Stats) => void = () => {},
): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // Without waiting: a pipe in the file's place would keep its reader for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error("it is not a regular file");
    if (stats.size > maxBytes) throw new RangeError(`${path} is larger than ${maxBytes} bytes`);
    check(stats);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

function isMissing(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT";
}
