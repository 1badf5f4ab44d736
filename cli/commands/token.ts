import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { parseLife, withServerSocket } from "../options.ts";
import type { GenerateOptions } from "../token/generate.ts";
import { withExamples } from "./examples.ts";

export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = program.command("token").description("join tokens: how a new agent proves itself once");
  const generate = token
    .command("generate")
    .description("make a join token; it works once")
    .option("--ttl <life>", "how long it may be used, e.g. 600 or 10m", parseLife, 600)
    .option("--token <value>", "use this value instead of a random one")
    .option("--spiffe-id <id>", "also give the agent this ID as an alias, to be the parent of entries");
  withExamples(
    withServerSocket(generate, context),
    "token generate --spiffe-id spiffe://example.org/host/web-1 --ttl 1h",
  ).action(async (options: GenerateOptions) => (await import("../token/generate.ts")).generate(options, context));
}
