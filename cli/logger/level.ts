import type { Logger__Output } from "../../proto/gen/spire/api/types/Logger.ts";
import { LogLevel } from "../../proto/gen/spire/api/types/LogLevel.ts";
import { agentLoggerService, loggerService } from "../../proto/services.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { CommonOptions } from "../options.ts";
import { facts, toJson } from "../output.ts";

type Daemon = "server" | "agent";

export interface SetLevelOptions extends CommonOptions {
  readonly level: string;
}

export async function getLevel(who: Daemon, options: CommonOptions, context: CommandContext): Promise<void> {
  print(await withChannel(options.socket, who, (channel) => channel.unary(of(who).GetLogger, {})), options, context);
}

export async function setLevel(who: Daemon, options: SetLevelOptions, context: CommandContext): Promise<void> {
  const number = Object.entries(LogLevel).find(([name]) => name.toLowerCase() === options.level)?.[1];
  const request = { new_level: number ?? LogLevel.UNSPECIFIED };
  const answer = withChannel(options.socket, who, (channel) => channel.unary(of(who).SetLogLevel, request));
  print(await answer, options, context);
}

export async function resetLevel(who: Daemon, options: CommonOptions, context: CommandContext): Promise<void> {
  print(
    await withChannel(options.socket, who, (channel) => channel.unary(of(who).ResetLogLevel, {})),
    options,
    context,
  );
}

function of(who: Daemon): typeof loggerService | typeof agentLoggerService {
  return who === "server" ? loggerService : agentLoggerService;
}

function print(logger: Logger__Output, { output }: CommonOptions, { terminal }: CommandContext): void {
  const [current, launch] = [nameOf(logger.current_level), nameOf(logger.launch_level)];
  // protojson writes enums by name.
  if (output === "json") terminal.out(toJson({ current_level: current, launch_level: launch }));
  else {
    terminal.out(
      facts([
        ["Log level", current.toLowerCase()],
        ["At start", launch.toLowerCase()],
      ]),
    );
  }
}

function nameOf(level: Logger__Output["current_level"]): string {
  return Object.entries(LogLevel).find(([, number]) => number === level)?.[0] ?? String(level);
}
