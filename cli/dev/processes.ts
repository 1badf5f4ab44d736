import { readFileSync, readlinkSync } from "node:fs";

/** A process that is not another one with the same id later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from the boot of the machine to its start. */
  readonly startTime: string;
}

export function processIdentity(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may hold anything: fields are counted from behind it.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const startTime = fields[18];
    return startTime === undefined || state === "Z" ? undefined : { pid, startTime };
  } catch {
    // There is no such process.
    return undefined;
  }
}

export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return processIdentity(pid)?.startTime === startTime;
}

/** Where process ids of equal numbers are the same process: a boot of the machine, and below it a PID namespace. */
export function processSpace(): string {
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}\n${readlinkSync("/proc/self/ns/pid")}`;
}
