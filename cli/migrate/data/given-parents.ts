import { SpiffeId } from "../../../spiffe/index.ts";
import { readTextFile } from "../../bounded-text.ts";
import { inputError } from "../../exit-codes.ts";
import type { ParentMap } from "./parents.ts";

/**
 * `OLD=NEW` from flags and from a file (one a line, `#` begins a comment). Both are IDs of the trust domain; NEW may be an
 * alias. @throws CommandError ERR_USAGE
 */
export async function readParents(
  flags: readonly string[],
  file: string | undefined,
  trustDomain: string,
): Promise<ParentMap> {
  const fromFile =
    file === undefined ? [] : (await linesOf(file)).map((text) => ({ text, where: `--map-file ${file}` }));
  const map = new Map<string, string>();
  for (const { text, where } of [...fromFile, ...flags.map((text) => ({ text, where: "--map" }))]) {
    const [old, now] = pairOf(text, where, trustDomain);
    const other = map.get(old);
    if (other !== undefined && other !== now) throw inputError("ERR_USAGE", `${where}: ${old} is mapped twice`);
    map.set(old, now);
  }
  return map;
}

async function linesOf(file: string): Promise<readonly string[]> {
  try {
    const lines = (await readTextFile(file)).split("\n");
    return lines.map((line) => line.replace(/#.*$/, "").trim()).filter((line) => line !== "");
  } catch (error) {
    throw inputError("ERR_USAGE", `--map-file: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function pairOf(text: string, where: string, trustDomain: string): readonly [string, string] {
  const parts = text.split("=").map((part) => part.trim());
  const [old, now] = parts;
  if (old === undefined || now === undefined || parts.length !== 2)
    throw inputError("ERR_USAGE", `${where}: ${text} is not OLD=NEW`);
  for (const id of [old, now]) {
    try {
      if (SpiffeId.parse(id).trustDomain.name === trustDomain) continue;
    } catch (error) {
      throw inputError("ERR_USAGE", `${where}: ${id}: ${error instanceof Error ? error.message : String(error)}`);
    }
    throw inputError("ERR_USAGE", `${where}: ${id} is not of trust domain ${trustDomain}`);
  }
  return [old, now];
}
