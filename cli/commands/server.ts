import type { Command } from "commander";
import type { ServerFlags } from "../../server/index.ts";
import type { CommandContext, Finish } from "../context.ts";
import type { DaemonOptions } from "../daemons.ts";
import { type CommonOptions, withLocalServerSocket, withOutput } from "../options.ts";
import { withExamples } from "./examples.ts";

/** Flags of `server run` and `server validate`; names are the settings' names, docs/configuration.md explains them. */
function settingsFlags(command: Command): Command {
  return withOutput(
    command
      .option("--config <file>", "settings in YAML; flags and COUNTERSIGN_SERVER_… variables win over it")
      .option("--trust-domain <name>", "the trust domain to issue for")
      .option("--data-dir <folder>", "where the server keeps its store and keys")
      .option("--bind <host:port>", "where agents connect (port 0: any free one)")
      .option("--socket <path>", "where to serve the admin API")
      .option("--rate-limits <on|off>", "off only for benchmarks")
      .option("--log-level <level>", "debug, info, warn or error"),
  );
}

export function addServerCommands(program: Command, context: CommandContext, finish: Finish): void {
  const server = program.command("server").description("run the server that issues identities");
  withExamples(
    settingsFlags(server.command("run").description("run the server")),
    "server run --trust-domain example.org --data-dir /var/lib/countersign/server",
    "server run --config /etc/countersign/server.yaml",
  ).action(async (options: ServerFlags) => (await import("../daemons.ts")).runServerDaemon(options, context, finish));
  withExamples(
    settingsFlags(server.command("validate").description("check the server's settings without starting")),
    "server validate --config /etc/countersign/server.yaml",
  ).action(async (options: ServerFlags & DaemonOptions) =>
    (await import("../daemons.ts")).validateServer(options, context),
  );
  withExamples(
    withLocalServerSocket(server.command("healthcheck").description("ask a running server whether it serves"), context),
    "server healthcheck --socket /run/countersign/server/private/api.sock",
  ).action(async (options: CommonOptions) =>
    (await import("../healthcheck.ts")).healthcheck("server", options, context, finish),
  );
}
