import { createReadStream } from "node:fs";
import { inputError } from "./exit-codes.ts";

/** What one file, or standard input, may hold: more entries than one server is asked to keep. */
const longestInputBytes = 16 * 1024 * 1024;

/** All of `stream` as text. Reads no more than that many bytes: an endless one must not fill memory. @throws CommandError ERR_INPUT_TOO_LARGE */
export async function boundedText(
  stream: AsyncIterable<Uint8Array>,
  mostBytes: number = longestInputBytes,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > mostBytes) throw inputError("ERR_INPUT_TOO_LARGE", `it is larger than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A file as text. @throws CommandError ERR_INPUT_TOO_LARGE; what the file system says */
export function readTextFile(path: string): Promise<string> {
  return boundedText(createReadStream(path));
}
