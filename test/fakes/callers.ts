import { ProcessStatus, parseCredentialLines } from "../../agent/attestation/workload/unix/process-status.ts";
import type { SelectorInterest, WorkloadCaller } from "../../agent/ports.ts";

/** A process handle whose end the test decides. */
export class FakeProcess {
  readonly pid: number;
  readonly mode = "start-time";
  isGone = false;

  constructor(pid: number) {
    this.pid = pid;
  }

  isAlive(): boolean {
    return !this.isGone;
  }
}

/** A caller with the credentials that /proc tells of `pid`, as the kernel would give them at its socket. */
export function callerOfProcess(
  pid: number,
  process = new FakeProcess(pid),
): WorkloadCaller & { process: FakeProcess } {
  const credentials = parseCredentialLines(new ProcessStatus("/proc", 1 << 20).credentialLines(pid));
  return { pid, ...credentials, process };
}

/** Wants exactly the given `type:prefix` pairs. */
export function wanting(...pairs: readonly string[]): SelectorInterest {
  return { wantsSelector: (type, prefix) => pairs.includes(`${type}:${prefix}`) };
}
