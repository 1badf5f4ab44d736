import { realpathSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";

type Facts = Pick<Stats, "uid" | "mode">;

/**
 * Who else could put a socket of its own in the place of `path`: the folder and all above it must belong to root or to
 * us, and be writable for others only where others cannot touch what is not theirs (sticky, as /tmp). Returns what is
 * wrong, nearest first; `undefined` when nothing is.
 */
export function unsafeSocketFolder(
  path: string,
  ownUid: number,
  factsOf: (folder: string) => Facts = statSync,
): string | undefined {
  let folder = realpathSync(dirname(path));
  for (;;) {
    const problem = problemOf(factsOf(folder), ownUid);
    if (problem !== undefined) return `${folder} ${problem}`;
    const above = dirname(folder);
    if (above === folder) return undefined;
    folder = above;
  }
}

const othersWrite = 0o002;
const sticky = 0o1000;

function problemOf({ uid, mode }: Facts, ownUid: number): string | undefined {
  if (uid !== 0 && uid !== ownUid) return `belongs to uid ${uid}`;
  if ((mode & othersWrite) !== 0 && (mode & sticky) === 0) return "is writable for everybody, without the sticky bit";
  return undefined;
}
