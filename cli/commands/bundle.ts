import { type Command, Option } from "commander";
import type { ShowOptions } from "../bundle/show.ts";
import type { CommandContext } from "../context.ts";
import { withServerSocket } from "../options.ts";
import { withExamples } from "./examples.ts";

export function addBundleCommands(program: Command, context: CommandContext): void {
  const bundle = program.command("bundle").description("the trust domain's public keys");
  const show = bundle
    .command("show")
    .description("print the trust bundle, for agents to start with or for verifiers")
    .addOption(
      new Option("--format <format>", "PEM certificates or a SPIFFE bundle document")
        .choices(["pem", "spiffe"])
        .default("pem"),
    );
  withExamples(withServerSocket(show, context), "bundle show > bootstrap.pem", "bundle show --format spiffe").action(
    async (options: ShowOptions) => (await import("../bundle/show.ts")).show(options, context),
  );
}
