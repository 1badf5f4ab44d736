import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** The oldest Node that we support, and the newest of each line that is. */
export const supportedNodes: readonly string[] = ["20.19.0", "22.23.3", "24.21.0", "26.10.0"];

/** Gets a Node from the package registry; the path of its binary. */
export function installNode(folder: string, version: string): string {
  const name = `node-linux-${process.arch}`;
  const prefix = join(folder, `node-${version}`);
  mkdirSync(prefix, { recursive: true });
  const flags = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund"];
  execFileSync("npm", ["install", "--prefix", prefix, ...flags, `${name}@${version}`], { cwd: folder, stdio: "pipe" });
  return join(prefix, "node_modules", name, "bin/node");
}
