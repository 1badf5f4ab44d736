import { type BigIntStats, constants } from "node:fs";
import { open } from "node:fs/promises";

interface RegularFile {
  readonly text: string;
  readonly stats: BigIntStats;
}

/**
 * A file of the operator's, UTF-8; links are followed, since that is how secrets are mounted. Throws for what is no regular
 * file and for more than `maxBytes`.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<RegularFile> {
  // Without waiting: a pipe in the file's place would keep its reader for ever.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await file.stat({ bigint: true });
  if (!stats.isFile()) throw new Error("it is not a regular file");
  if (stats.size > maxBytes) throw new RangeError(`it has more than ${maxBytes} bytes`);
  return { text: await file.readFile("utf8"), stats };
}
