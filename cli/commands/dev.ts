import { type Command, Option } from "commander";
import type { CommandContext, Finish } from "../context.ts";
import type { DevOptions } from "../dev/options.ts";
import { collect, parseLife, withOutput } from "../options.ts";
import { withExamples } from "./examples.ts";

/** A world of one's own; for trying things out and for local development. */
export function addDevCommand(program: Command, context: CommandContext, finish: Finish): void {
  const command = program
    .command("dev")
    .description("server, agent and your identity on temporary state: for trying out and local development only")
    .argument("[command...]", "after --: run with SPIFFE_ENDPOINT_SOCKET set; everything ends with it")
    .option("--env", "start in the background; print what a shell evaluates, or JSON with --output json")
    .option("--stop", "stop what --env started: the one that SPIFFE_ENDPOINT_SOCKET names; all where it is unset")
    .option("--trust-domain <name>", "the trust domain (default: dev.example)")
    .option("--spiffe-id <path>", "your identity (default: / and your user name)")
    .option("--x509-ttl <life>", "life of X.509-SVIDs; a short one shows rotations, e.g. 10s", parseLife)
    .option("--entry <path=selectors>", "another identity, yours too without selectors; repeat for more", collect)
    .addOption(new Option("--state-folder <folder>").hideHelp());
  withExamples(
    withOutput(command),
    "dev",
    "dev -- node app.ts",
    "dev --x509-ttl 10s --entry /db=unix:path:/usr/bin/psql -- node app.ts",
    "dev --env",
    "dev --stop",
  ).action(async (words: readonly string[], options: DevOptions) =>
    (await import("../dev/dev.ts")).dev(words, options, context, finish),
  );
}
