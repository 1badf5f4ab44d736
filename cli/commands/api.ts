import type { Command } from "commander";
import type { FetchJwtOptions, FetchX509Options, ValidateJwtOptions, WatchOptions } from "../api/options.ts";
import type { CommandContext, Finish } from "../context.ts";
import { collect, parseCount, parseLife, withAgentSocket } from "../options.ts";
import { withExamples } from "./examples.ts";

/** The Workload API as this user and process see it; for trying things out and for scripts. */
export function addApiCommands(program: Command, context: CommandContext, finish: Finish): void {
  const api = program.command("api").description("call the Workload API as this process");
  addFetch(api.command("fetch").description("fetch identities once"), context);
  const watch = api
    .command("watch")
    .description("print every X509-SVID update until interrupted")
    .option("--count <n>", "end after this many updates (0: never)", parseCount, 0)
    .option("--timeout <life>", "end after this long (0: never)", parseLife, 0);
  withExamples(withAgentSocket(watch, context), "api watch", "api watch --count 3 --timeout 5m --output json").action(
    async (options: WatchOptions) => (await import("../api/watch.ts")).watch(options, context, finish),
  );
  const validate = api
    .command("validate")
    .description("have the Workload API check something")
    .command("jwt")
    .description("have the Workload API check a JWT-SVID")
    .requiredOption("--audience <name>", "the audience it must be for")
    .requiredOption("--svid <token>", "the token, or - for standard input")
    .option("--timeout <life>", "how long to wait for the answer", parseLife, 15);
  withExamples(
    withAgentSocket(validate, context),
    "api validate jwt --audience billing --svid TOKEN",
    "api validate jwt --audience billing --svid - < token.txt",
  ).action(async (options: ValidateJwtOptions) => (await import("../api/jwt.ts")).validateJwt(options, context));
}

function addFetch(fetch: Command, context: CommandContext): void {
  const x509 = fetch
    .command("x509")
    .description("this process's X509-SVIDs")
    .option("--timeout <life>", "how long to wait for the answer", parseLife, 15)
    .option("--write <folder>", "write svid.N.pem, svid.N.key (0600) and bundle.N.pem there")
    .option("--silent", "print nothing");
  withExamples(withAgentSocket(x509, context), "api fetch x509", "api fetch x509 --write /run/web/identity").action(
    async (options: FetchX509Options) => (await import("../api/fetch-x509.ts")).fetchX509(options, context),
  );
  const jwt = fetch
    .command("jwt")
    .description("JWT-SVIDs for an audience")
    .requiredOption("--audience <name>", "who will check the token; repeat for more", collect)
    .option("--spiffe-id <id>", "only of this identity")
    .option("--timeout <life>", "how long to wait for the answer", parseLife, 15);
  withExamples(
    withAgentSocket(jwt, context),
    "api fetch jwt --audience billing",
    "api fetch jwt --audience billing --spiffe-id spiffe://example.org/web --output json",
  ).action(async (options: FetchJwtOptions) => (await import("../api/jwt.ts")).fetchJwt(options, context));
}
