import { type AgentFlags, loadAgentConfig } from "../agent/index.ts";
import { ConfigError, describeProblem } from "../runtime/host/index.ts";
import { loadServerConfig, type ServerFlags } from "../server/index.ts";
import type { CommandContext, Finish } from "./context.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";
import { version } from "./version.ts";

export async function runServerDaemon(flags: ServerFlags, context: CommandContext, finish: Finish): Promise<void> {
  const { runServer } = await import("../server/main.ts");
  finish(await explained(() => runServer({ flags, env: context.environment, version, pid: process.pid })));
}

export async function runAgentDaemon(flags: AgentFlags, context: CommandContext, finish: Finish): Promise<void> {
  const { runAgent } = await import("../agent/main.ts");
  const { environment: env, uid } = context;
  finish(await explained(() => runAgent({ flags, env, uid, version, pid: process.pid })));
}

export async function validateServer(flags: ServerFlags, { terminal, environment }: CommandContext): Promise<void> {
  await explained(() => loadServerConfig({ flags, env: environment }));
  terminal.out("the server's settings are valid");
}

export async function validateAgent(flags: AgentFlags, { terminal, environment, uid }: CommandContext): Promise<void> {
  await explained(() => loadAgentConfig({ flags, env: environment, uid }));
  terminal.out("the agent's settings are valid");
}

/** Every problem of the configuration on a line of its own. */
async function explained<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const count = error.problems.length;
    const lines = error.problems.map((problem) => `  ${describeProblem(problem)}`).join("\n");
    throw new CommandError(
      exitCodes.usage,
      `${count} problem${count === 1 ? "" : "s"} in the settings\n${lines}`,
      "docs/configuration.md lists every setting",
    );
  }
}
