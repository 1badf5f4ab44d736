/**
 * How the demo's workloads differ for the kernel: as root each runs under its own uid; otherwise each runs from its
 * own hard link of the `node` binary, so that `unix:path` tells them apart.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, linkSync, mkdirSync } from "node:fs";
import { join } from "node:path";

export interface WorkloadIdentity {
  readonly selector: string;
  readonly execPath: string;
  readonly uid: number | undefined;
}

const uids: Readonly<Record<string, number>> = { web: 62_001, db: 62_002, late: 62_003 };

export function distinguishableWorkloads(
  names: readonly string[],
  folder: string,
): { readonly how: string; readonly workloads: ReadonlyMap<string, WorkloadIdentity> } {
  if (process.getuid?.() === 0 && othersCanRun()) {
    const workloads = names.map((name) => {
      const uid = uids[name] ?? 62_999;
      return [name, { selector: `unix:uid:${uid}`, execPath: process.execPath, uid }] as const;
    });
    return { how: "each workload runs under its own uid", workloads: new Map(workloads) };
  }
  mkdirSync(folder, { recursive: true });
  const workloads = names.map((name) => {
    const execPath = join(folder, `node-${name}`);
    linkOrCopy(process.execPath, execPath);
    return [name, { selector: `unix:path:${execPath}`, execPath, uid: undefined }] as const;
  });
  return { how: "each workload runs from its own link of the node binary", workloads: new Map(workloads) };
}

/** A checkout below a folder that only root may enter cannot be run by other users. */
function othersCanRun(): boolean {
  const probe = spawnSync(process.execPath, [new URL("./probe.js", import.meta.url).pathname], {
    uid: 62_001,
    gid: 62_001,
  });
  return probe.status === 0;
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // Another file system, or a kernel that protects hard links: a copy is as good.
    copyFileSync(from, to);
  }
}
