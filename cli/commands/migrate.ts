import type { Command } from "commander";
import type { CommandContext, Finish } from "../context.ts";
import type { MigrateOptions } from "../migrate/config.ts";
import type { DataOptions } from "../migrate/data/run.ts";
import type { TrustOptions } from "../migrate/trust/run.ts";
import { collect, parseLife, withOutput, withServerSocket } from "../options.ts";
import { withExamples } from "./examples.ts";

export function addMigrateCommands(program: Command, context: CommandContext, finish: Finish): void {
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
  addData(migrate, context, finish);
  addTrust(migrate, context, finish);
}

function addData(migrate: Command, context: CommandContext, finish: Finish): void {
  const data = bothServers(migrate.command("data"))
    .description("copy entries, federated bundles and federation relationships of a SPIRE server, again and again")
    .option("--map <old=new>", "an agent's id there, and here; repeat for more", collect)
    .option("--map-file <path>", "the same from a file, one a line; read again at each look of --watch")
    .option("--dry-run", "only say what would be copied (exit code 6 when there is something)")
    .option("--watch", "go on, and give entries their new parents as agents arrive here")
    .option("--interval <life>", "with --watch: how often both servers are looked at", parseLife, 30)
    .option("--timeout <life>", "with --watch: stop after this long (0: never)", parseLife, 0);
  withExamples(
    withServerSocket(data, context),
    "migrate data --from /run/spire/server/private/api.sock --dry-run",
    "migrate data --from /run/spire/server/private/api.sock --map-file agents.txt --watch",
  ).action(async (options: DataOptions) =>
    (await import("../migrate/data/run.ts")).migrateData(options, context, finish),
  );
}

function addTrust(migrate: Command, context: CommandContext, finish: Finish): void {
  const trust = bothServers(migrate.command("trust"))
    .description("keep a SPIRE server and ours, of one trust domain, trusting each other while both rotate")
    .option("--watch", "go on until stopped")
    .option("--once", "once; exit code 1 when something is left to do")
    .option("--check", "change nothing; exit code 6 or 1 when something is to be done")
    .option(
      "--state <path>",
      "remembers what each server had, so that nothing revoked is copied back",
      "countersign-migrate-trust.json",
    )
    .option("--interval <life>", "with --watch: how often both servers are looked at", parseLife, 5)
    .option("--lag <life>", "with --watch: how long a difference may last before there is an alarm", parseLife, 30)
    .option("--timeout <life>", "with --watch: stop after this long (0: never)", parseLife, 0);
  withExamples(
    withServerSocket(trust, context),
    "migrate trust --from /run/spire/server/private/api.sock --watch --state /var/lib/countersign/trust.json",
    "migrate trust --from /run/spire/server/private/api.sock --check --state /var/lib/countersign/trust.json",
  ).action(async (options: TrustOptions) =>
    (await import("../migrate/trust/run.ts")).migrateTrust(options, context, finish),
  );
}

function bothServers(command: Command): Command {
  return command
    .requiredOption("--from <path>", "the SPIRE server's admin socket")
    .option("--to <path>", "our server's admin socket, as --socket");
}
