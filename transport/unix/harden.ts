import { loadUnixNative } from "./native.ts";

/**
 * Makes this process not dumpable (no core files with keys, no ptrace by others of its uid) and sets the core limit
 * to zero for what it starts. Its own /proc/self stays readable. Throws where the kernel refuses.
 */
export function hardenProcess(): void {
  const native = loadUnixNative();
  const failures = [native.setCoreLimitZero(), native.setNotDumpable()].filter((result) => result < 0);
  if (failures.length > 0) throw new Error(`the kernel refused to harden the process (errno ${-(failures[0] ?? 0)})`);
}
