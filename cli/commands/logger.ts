import { type Command, Option } from "commander";
import type { CommandContext } from "../context.ts";
import type { SetLevelOptions } from "../logger/level.ts";
import { type CommonOptions, withAgentAdminSocket, withLocalServerSocket } from "../options.ts";
import { withExamples } from "./examples.ts";

const levels = ["panic", "fatal", "error", "warn", "info", "debug", "trace"];

/** In any case, as SPIRE takes it. */
function levelOption(): Option {
  const option = new Option("--level <level>", "what is logged at least").choices(levels).makeOptionMandatory();
  const { parseArg } = option;
  return option.argParser((text: string, previous: string) => parseArg?.(text.toLowerCase(), previous) ?? text);
}

/** `logger` and `debug` of the server, on the program itself, and of the agent, below `agent`: only on local sockets. */
export function addLoggerCommands(program: Command, agent: Command, context: CommandContext): void {
  for (const [group, who] of [
    [program, "server"],
    [agent, "agent"],
  ] as const) {
    const prefix = who === "agent" ? "agent " : "";
    const local = who === "agent" ? withAgentAdminSocket : withLocalServerSocket;
    const logger = group.command("logger").description(`the ${who}'s log level while it runs`);
    withExamples(
      local(logger.command("get").description(`show the ${who}'s log level`), context),
      `${prefix}logger get`,
    ).action(async (options: CommonOptions) => (await import("../logger/level.ts")).getLevel(who, options, context));
    const set = logger
      .command("set")
      .description(`change the ${who}'s log level until it is reset or started again`)
      .addOption(levelOption());
    withExamples(local(set, context), `${prefix}logger set --level debug`).action(async (options: SetLevelOptions) =>
      (await import("../logger/level.ts")).setLevel(who, options, context),
    );
    withExamples(
      local(logger.command("reset").description(`take the ${who}'s log level back to what it was at start`), context),
      `${prefix}logger reset`,
    ).action(async (options: CommonOptions) => (await import("../logger/level.ts")).resetLevel(who, options, context));
    const debug = group.command("debug").description(`look into a running ${who}`);
    withExamples(
      local(debug.command("info").alias("getinfo").description(`the ${who}'s uptime, counts and own SVID`), context),
      `${prefix}debug info`,
    ).action(async (options: CommonOptions) => {
      const { agentInfo, serverInfo } = await import("../debug/info.ts");
      await (who === "agent" ? agentInfo : serverInfo)(options, context);
    });
  }
}
