import { lstatSync, readlinkSync, statSync } from "node:fs";

const deletedSuffix = " (deleted)";

/**
 * The path behind /proc/PID/exe. The kernel appends " (deleted)" once the file was replaced or removed; that suffix
 * is taken off, so that a package upgrade does not take the identity of a process that still runs. A file whose own
 * name ends so keeps it. `undefined` when the name is not UTF-8: no selector can spell it.
 * @throws an errno error when the link may not be read
 */
export function executablePath(link: string): string | undefined {
  const path = readlinkSync(link);
  if (path.includes("\ufffd")) return undefined;
  if (!path.endsWith(deletedSuffix) || isLiteral(link, path)) return path;
  return path.slice(0, -deletedSuffix.length);
}

function isLiteral(link: string, path: string): boolean {
  const running = statSync(link);
  const named = lstatSync(path, { throwIfNoEntry: false });
  return named !== undefined && named.dev === running.dev && named.ino === running.ino;
}
