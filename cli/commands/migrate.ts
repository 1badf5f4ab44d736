import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import type { MigrateOptions } from "../migrate/config.ts";
import { withOutput } from "../options.ts";
import { withExamples } from "./examples.ts";

export function addMigrateCommands(program: Command, context: CommandContext): void {
  const migrate = program.command("migrate").description("come over from SPIRE");
  const config = migrate
    .command("config <file>")
    .description("turn a SPIRE server's or agent's HCL into our YAML, and say of every setting what became of it");
  withExamples(
    withOutput(config),
    "migrate config /etc/spire/server.conf > server.yaml",
    "migrate config - --output json < agent.conf",
  ).action(async (file: string, options: MigrateOptions) =>
    (await import("../migrate/config.ts")).migrateConfig(file, options, context),
  );
}
