import type { AgentFlags } from "../agent/index.ts";
import type { OpenWorkloadIdentity, ServerFlags } from "../server/index.ts";
import type { CommandContext, Finish } from "./context.ts";
import { inputError } from "./exit-codes.ts";
import { type OutputFormat, plainJson } from "./output.ts";
import { version } from "./version.ts";

// Each program's code is loaded by itself: a server has no use for the agent's.

export interface DaemonOptions {
  readonly output: OutputFormat;
}

export async function runServerDaemon(flags: ServerFlags, context: CommandContext, finish: Finish): Promise<void> {
  const { runServer } = await import("../server/main.ts");
  const openIdentity: OpenWorkloadIdentity = async (socket, signal) =>
    (await import("./workload-identity.ts")).openWorkloadIdentity(socket, signal);
  const { environment: env, uid } = context;
  finish(await explained(() => runServer({ flags, env, uid, version, pid: process.pid, openIdentity }), flags.config));
}

export async function runAgentDaemon(flags: AgentFlags, context: CommandContext, finish: Finish): Promise<void> {
  const { runAgent } = await import("../agent/main.ts");
  const { environment: env, uid } = context;
  finish(await explained(() => runAgent({ flags, env, uid, version, pid: process.pid }), flags.config));
}

export async function validateServer(flags: ServerFlags & DaemonOptions, context: CommandContext): Promise<void> {
  const { configWarnings, loadServerConfig } = await import("../server/index.ts");
  const { environment: env, uid } = context;
  printValid(
    "server",
    configWarnings(await explained(() => loadServerConfig({ flags, env, uid }), flags.config)),
    flags,
    context,
  );
}

export async function validateAgent(flags: AgentFlags & DaemonOptions, context: CommandContext): Promise<void> {
  const { loadAgentConfig } = await import("../agent/index.ts");
  const { environment: env, uid } = context;
  await explained(() => loadAgentConfig({ flags, env, uid }), flags.config);
  printValid("agent", [], flags, context);
}

function printValid(
  who: "server" | "agent",
  warnings: readonly string[],
  { output }: DaemonOptions,
  { terminal }: CommandContext,
): void {
  if (output === "json") {
    terminal.out(plainJson({ valid: true, warnings }));
    return;
  }
  for (const warning of warnings) terminal.err(`Warning: ${warning}`);
  terminal.out(`the ${who}'s settings are valid`);
}

/** Every problem of the configuration on a line of its own. `config`: a daemon's file, which may be SPIRE's by mistake. */
export async function explained<Result>(act: () => Promise<Result>, config?: string): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    const { ConfigError, describeProblem } = await import("../runtime/host/index.ts");
    if (!(error instanceof ConfigError)) throw error;
    const count = error.problems.length;
    const lines = error.problems.map((problem) => `  ${describeProblem(problem)}`).join("\n");
    const text = `${count} problem${count === 1 ? "" : "s"} in the settings\n${lines}`;
    if (config?.endsWith(".conf") !== true) throw inputError("ERR_CONFIG", text);
    throw inputError("ERR_CONFIG", text, `is it SPIRE's? "countersign migrate config ${config}" makes YAML of it`);
  }
}
