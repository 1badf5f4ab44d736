import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isAlive, type ProcessIdentity } from "./processes.ts";

/** What is known of a development world from its folder. */
export interface DevState extends ProcessIdentity {
  readonly folder: string;
  readonly isBackground: boolean;
  /** `planText` of it. */
  readonly plan: string;
  /** Empty until it serves. */
  readonly endpoint: string;
}

const prefix = "countersign-dev-";
/** Below it fits the longest socket path that the kernel takes. */
const longestBase = 60;
/** A folder that is being made has no state yet; one that is older never gets it. */
const emptyForMs = 60_000;

/** Where the user's folders may be: the first one is where new ones are made. */
function basesOf({ environment, uid }: Surroundings): readonly string[] {
  const usual = [environment["XDG_RUNTIME_DIR"] ?? "", tmpdir()];
  const fitting = usual.filter((path) => path !== "" && path.length <= longestBase && isUsable(path, uid));
  return fitting.length === 0 ? ["/tmp"] : [...new Set(fitting)];
}

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

/** A new one, for this user alone. */
export function makeFolder(surroundings: Surroundings): string {
  const [base = "/tmp"] = basesOf(surroundings);
  const folder = mkdtempSync(join(base, prefix));
  // Whatever the umask made of it.
  chmodSync(folder, 0o700);
  return folder;
}

export function writeState(state: DevState): void {
  const path = join(state.folder, "dev.json");
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** This user's worlds that run. Folders whose process is gone, killed or lost in a reboot, are removed on the way. */
export function runningWorlds(surroundings: Surroundings, nowMs: number): readonly DevState[] {
  const running: DevState[] = [];
  for (const folder of basesOf(surroundings).flatMap((base) => foldersBelow(base, surroundings.uid))) {
    const state = readState(folder);
    if (state === undefined ? ageOf(folder, nowMs) > emptyForMs : !isAlive(state)) removeFolder(folder);
    else if (state !== undefined) running.push(state);
  }
  return running;
}

function foldersBelow(base: string, uid: number): readonly string[] {
  const names = readdirSync(base).filter((name) => name.startsWith(prefix));
  return names.map((name) => join(base, name)).filter((folder) => isOwn(folder, uid));
}

/** Never somebody else's, and never a link to something else. */
function isOwn(folder: string, uid: number): boolean {
  try {
    const stats = lstatSync(folder);
    return stats.isDirectory() && stats.uid === uid && basename(folder).startsWith(prefix);
  } catch {
    // Its owner has just removed it.
    return false;
  }
}

function isUsable(path: string, uid: number): boolean {
  try {
    const stats = lstatSync(path);
    return stats.isDirectory() && (stats.uid === uid || (stats.mode & 0o1002) === 0o1002);
  } catch {
    return false;
  }
}

function ageOf(folder: string, nowMs: number): number {
  try {
    return nowMs - lstatSync(folder).mtimeMs;
  } catch {
    return 0;
  }
}

function readState(folder: string): DevState | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, "dev.json"), "utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { pid, startTime, isBackground, plan, endpoint } = { ...empty, ...value };
    return {
      folder,
      pid: Number(pid),
      startTime: String(startTime),
      isBackground: isBackground === true,
      plan,
      endpoint,
    };
  } catch {
    return undefined;
  }
}

const empty = { pid: 0, startTime: "", isBackground: false, plan: "", endpoint: "" };
