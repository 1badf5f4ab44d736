import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { isAlive, type ProcessIdentity, processSpace } from "./processes.ts";

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
/** As `mkdtemp` makes them. */
const ourName = /^countersign-dev-\w{6}$/;
/** In a folder that we made; holds the processes' space, in which alone it can be told whether its process runs. */
const marker = ".countersign-dev";
/** Below it fits the longest socket path that the kernel takes. */
const longestBase = 60;
/** A folder that is being made has no state yet; one that is older never gets it. */
const emptyForMs = 60_000;

/** Where the user's folders may be: the first one is where new ones are made. */
function basesOf({ environment, uid }: Surroundings): readonly string[] {
  // Absolute: a world in the background works in another directory.
  const usual = [environment["XDG_RUNTIME_DIR"] ?? "", tmpdir()]
    .filter((path) => path !== "")
    .map((path) => resolve(path));
  const fitting = usual.filter((path) => path.length <= longestBase && isUsable(path, uid));
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
  writeFileSync(join(folder, marker), processSpace(), { mode: 0o600, flag: "wx" });
  return folder;
}

/** Whether it is one that `makeFolder` made for this user: nothing else is ever removed. */
export function isOurFolder(folder: string, uid: number): boolean {
  return isOwn(folder, uid) && spaceOf(folder) !== undefined;
}

export function writeState(state: DevState): void {
  const path = join(state.folder, "dev.json");
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * This user's worlds that run here. Folders whose process is gone, killed or lost in a reboot, are removed on the way; those of
 * another PID namespace are left alone, as nobody here knows its processes.
 */
export function runningWorlds(surroundings: Surroundings, nowMs: number): readonly DevState[] {
  const running: DevState[] = [];
  for (const folder of basesOf(surroundings).flatMap((base) => foldersBelow(base, surroundings.uid))) {
    const space = spaceOf(folder);
    const isOld = ageOf(folder, nowMs) > emptyForMs;
    if (space === undefined) {
      // Killed before it was marked; with anything in it, it is not ours.
      if (isOld) removeEmpty(folder);
      continue;
    }
    if (!isSameSpace(space)) continue;
    const state = readState(folder);
    if (state === undefined ? isOld : !isAlive(state)) removeFolder(folder);
    else if (state !== undefined) running.push(state);
  }
  return running;
}

/** Of this PID namespace; after a reboot of the machine nothing of before runs anywhere. */
function isSameSpace(space: string): boolean {
  const [boot, namespace] = space.split("\n");
  const [ownBoot, ownNamespace] = processSpace().split("\n");
  return boot !== ownBoot || namespace === ownNamespace;
}

function spaceOf(folder: string): string | undefined {
  try {
    const path = join(folder, marker);
    return lstatSync(path).isFile() ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Something is in it.
  }
}

function foldersBelow(base: string, uid: number): readonly string[] {
  const names = readdirSync(base).filter((name) => ourName.test(name));
  return names.map((name) => join(base, name)).filter((folder) => isOwn(folder, uid));
}

/** Never somebody else's, and never a link to something else. */
function isOwn(folder: string, uid: number): boolean {
  try {
    const stats = lstatSync(folder);
    return stats.isDirectory() && stats.uid === uid && ourName.test(basename(folder));
  } catch {
    // Its owner has just removed it.
    return false;
  }
}

function isUsable(path: string, uid: number): boolean {
  try {
    const stats = lstatSync(path);
    // Where others may write, only the sticky bit keeps them from exchanging what is ours.
    const isSticky = (stats.mode & 0o1000) !== 0;
    const isOpen = (stats.mode & 0o022) !== 0;
    return stats.isDirectory() && (isOpen ? isSticky && (stats.uid === uid || stats.uid === 0) : stats.uid === uid);
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
