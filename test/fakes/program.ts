import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import type { TestContext } from "node:test";

/** A copy of `cat` under `path`, running until the end of the test; small, so that many can run and be hashed. */
export async function startProgram(
  context: TestContext,
  path: string,
): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  copyFileSync("/bin/cat", path);
  const child: ChildProcess = spawn(path, { argv0: "cat", stdio: ["pipe", "pipe", "ignore"] });
  const exited = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  context.after(stop);
  // Once it echoes, exec is done.
  child.stdin?.write("ready");
  if (child.stdout !== null) await once(child.stdout, "data");
  if (child.pid === undefined) throw new Error(`${path} did not start`);
  return { pid: child.pid, stop };
}
