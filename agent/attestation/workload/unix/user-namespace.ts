import { readlinkSync } from "node:fs";

/**
 * Whether a process lives in the agent's own user namespace. Anybody may make another one, is root in it, and may
 * there mount anything over any path and name any file as what /proc/PID/exe shows (PR_SET_MM_MAP): what is known of an
 * executable in there is the caller's word. There is no way back out, so asking after reading is enough.
 */
export class UserNamespace {
  readonly #procRoot: string;
  readonly #own = identityOf("/proc/self");

  constructor(procRoot: string) {
    this.#procRoot = procRoot;
  }

  /** False also when it cannot be told. */
  holds(pid: number): boolean {
    return this.#own !== undefined && identityOf(`${this.#procRoot}/${pid}`) === this.#own;
  }
}

/** `user:[4026531837]`, unique while the namespace exists. `undefined`: it may not be read, or the process is gone. */
function identityOf(processFolder: string): string | undefined {
  try {
    return readlinkSync(`${processFolder}/ns/user`);
  } catch {
    // Every cause means the same here: not known to be ours.
    return undefined;
  }
}
