import type { Clock } from "../../runtime/core/index.ts";
import type { CommandContext } from "../context.ts";
import { type OutputFormat, plainJson, printable } from "../output.ts";
import { isAlive } from "./processes.ts";
import { type DevState, removeFolder, runningWorlds } from "./state-folder.ts";

const graceMs = 10_000;
const lookMs = 30;

/**
 * Ends the one that SPIFFE_ENDPOINT_SOCKET leads to; all of this user's in the background where the variable is not set. Where it
 * leads to something else, an agent of the host perhaps, nobody can know which is meant.
 */
export async function stopBackground(context: CommandContext, clock: Clock, output: OutputFormat): Promise<void> {
  const { terminal, environment } = context;
  const all = runningWorlds(context, clock.now()).filter(({ isBackground }) => isBackground);
  const endpoint = environment["SPIFFE_ENDPOINT_SOCKET"] ?? "";
  const stopping = endpoint === "" ? all : all.filter((state) => state.endpoint === endpoint);
  await Promise.all(stopping.map((state) => stopOne(state, clock)));
  for (const state of stopping) terminal.err(`stopped: ${state.endpoint}`);
  if (output === "json") terminal.out(plainJson({ stopped: stopping.map((state) => state.endpoint) }));
  if (stopping.length > 0) return;
  if (all.length === 0) terminal.err("nothing runs in the background");
  else
    terminal.err(
      printable(
        `nothing stopped: SPIFFE_ENDPOINT_SOCKET is ${endpoint}, which is none of the ${all.length} in the background; unset it to stop all`,
      ),
    );
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
