import { type Command, Option } from "commander";
import type { ShowOptions } from "../bundle/show.ts";
import type { CommandContext } from "../context.ts";
import { withServerSocket } from "../options.ts";

export function addBundleCommands(program: Command, context: CommandContext): void {
  const bundle = program.command("bundle").description("the trust domain's public keys");
  withServerSocket(
    bundle
      .command("show")
      .description("print the trust bundle, for agents to start with or for verifiers")
      .addOption(
        new Option("--format <format>", "PEM certificates or a SPIFFE bundle document")
          .choices(["pem", "spiffe"])
          .default("pem"),
      )
      .addHelpText("after", "\nExample:\n  countersign bundle show > bootstrap.pem"),
    context,
  ).action(async (options: ShowOptions) => (await import("../bundle/show.ts")).show(options, context));
}
