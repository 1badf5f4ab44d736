import type { Command } from "commander";
import type { FetchJwtOptions, FetchX509Options, ValidateJwtOptions, WatchOptions } from "../api/options.ts";
import type { CommandContext, Finish } from "../context.ts";
import { collect, parseLife, withAgentSocket } from "../options.ts";

/** The Workload API as this user and process see it; for trying things out and for scripts. */
export function addApiCommands(program: Command, context: CommandContext, finish: Finish): void {
  const api = program.command("api").description("call the Workload API as this process");
  const fetch = api.command("fetch").description("fetch identities once");
  withAgentSocket(
    fetch
      .command("x509")
      .description("this process's X509-SVIDs")
      .option("--timeout <life>", "how long to wait for the answer", parseLife, 15)
      .option("--write <folder>", "write svid.N.pem, svid.N.key (0600) and bundle.N.pem there"),
    context,
  ).action(async (options: FetchX509Options) => (await import("../api/fetch-x509.ts")).fetchX509(options, context));
  withAgentSocket(
    fetch
      .command("jwt")
      .description("JWT-SVIDs for an audience")
      .requiredOption("--audience <name>", "who will check the token; repeat for more", collect, [])
      .option("--spiffe-id <id>", "only of this identity")
      .option("--timeout <life>", "how long to wait for the answer", parseLife, 15),
    context,
  ).action(async (options: FetchJwtOptions) => (await import("../api/jwt.ts")).fetchJwt(options, context));
  withAgentSocket(
    api
      .command("watch")
      .description("print every X509-SVID update until interrupted")
      .option("--count <n>", "end after this many updates", Number, 0)
      .option("--timeout <life>", "end after this long (0: never)", parseLife, 0),
    context,
  ).action(async (options: WatchOptions) => (await import("../api/watch.ts")).watch(options, context, finish));
  const validate = api.command("validate").description("have the Workload API check something");
  withAgentSocket(
    validate
      .command("jwt")
      .description("check a JWT-SVID")
      .requiredOption("--audience <name>", "the audience it must be for")
      .requiredOption("--svid <token>", "the token, or - for standard input")
      .option("--timeout <life>", "how long to wait for the answer", parseLife, 15),
    context,
  ).action(async (options: ValidateJwtOptions) => (await import("../api/jwt.ts")).validateJwt(options, context));
}
