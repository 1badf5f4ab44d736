import { type Command, InvalidArgumentError, Option } from "commander";
import { defaultSocketPath } from "../runtime/host/default-sockets.ts";
import type { CommandContext } from "./context.ts";
import type { OutputFormat } from "./output.ts";

export interface CommonOptions {
  readonly socket: string;
  readonly output: OutputFormat;
}

/** `--socket` of the server's admin API and `--output`, on every command that talks to it. */
export function withServerSocket(command: Command, context: CommandContext): Command {
  return withOutput(
    command.addOption(
      new Option("--socket <path>", "the server's admin socket")
        .env("COUNTERSIGN_SERVER_SOCKET")
        .default(
          context.environment["SPIRE_SERVER_PRIVATE_SOCKET"] ??
            defaultSocketPath("server", context.environment, context.uid),
        ),
    ),
  );
}

/** `--socket` of the Workload API and `--output`. */
export function withAgentSocket(command: Command, context: CommandContext): Command {
  const fromEndpoint = /^unix:(?:\/\/)?(\/.*)$/.exec(context.environment["SPIFFE_ENDPOINT_SOCKET"] ?? "")?.[1];
  return withOutput(
    command.addOption(
      new Option("--socket <path>", "the Workload API's socket (also from SPIFFE_ENDPOINT_SOCKET)")
        .env("COUNTERSIGN_AGENT_SOCKET")
        .default(fromEndpoint ?? defaultSocketPath("agent", context.environment, context.uid)),
    ),
  );
}

function withOutput(command: Command): Command {
  return command.addOption(
    new Option("--output <format>", "how to print").choices(["pretty", "json"]).default("pretty"),
  );
}

/** Collects a repeatable flag. */
export function collect(value: string, sofar: readonly string[]): readonly string[] {
  return [...sofar, value];
}

/** Seconds: `3600`, or with units `90s`, `15m`, `1h30m`, `1d`. */
export function parseLife(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const match = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?$/.exec(text);
  if (match === null || text === "") throw new InvalidArgumentError('use seconds, or units as in "1h30m"');
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (days ?? 0) * 86_400 + (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}

export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("use a whole number");
  return Number(text);
}
