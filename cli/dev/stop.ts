import type { Clock } from "../../runtime/core/index.ts";
import type { CommandContext } from "../context.ts";
import { isAlive } from "./processes.ts";
import { type DevState, removeFolder, runningWorlds } from "./state-folder.ts";

const graceMs = 10_000;
const lookMs = 30;

/** Ends the one that SPIFFE_ENDPOINT_SOCKET leads to, or else all of this user's in the background. */
export async function stopBackground(context: CommandContext, clock: Clock): Promise<void> {
  const all = runningWorlds(context, clock.now()).filter(({ isBackground }) => isBackground);
  const named = all.filter(
    ({ endpoint }) => endpoint !== "" && endpoint === context.environment["SPIFFE_ENDPOINT_SOCKET"],
  );
  const stopping = named.length > 0 ? named : all;
  await Promise.all(stopping.map((state) => stopOne(state, clock)));
  const { terminal } = context;
  if (stopping.length === 0) terminal.err("nothing runs in the background");
  else for (const { endpoint } of stopping) terminal.err(`stopped: ${endpoint}`);
}

async function stopOne(state: DevState, clock: Clock): Promise<void> {
  const killAt = clock.monotonic() + graceMs;
  if (isAlive(state)) process.kill(state.pid, "SIGTERM");
  while (isAlive(state)) {
    if (clock.monotonic() > killAt) process.kill(state.pid, "SIGKILL");
    await clock.sleep(lookMs);
  }
  removeFolder(state.folder);
}
