import { type Command, Option } from "commander";
import type { DeleteOptions, SetOptions } from "../bundle/change.ts";
import type { ListOptions } from "../bundle/list.ts";
import type { ShowOptions } from "../bundle/show.ts";
import type { CommandContext, Finish } from "../context.ts";
import { type ServerOptions, withServerSocket } from "../options.ts";
import { withExamples } from "./examples.ts";

export function addBundleCommands(program: Command, context: CommandContext, finish: Finish): void {
  const bundle = program.command("bundle").description("trust bundles: the public keys of trust domains");
  const show = bundle
    .command("show")
    .description("print the trust bundle, for agents to start with or for verifiers")
    .addOption(bundleFormat("--format", "PEM certificates or a SPIFFE bundle document"));
  withExamples(withServerSocket(show, context), "bundle show > bootstrap.pem", "bundle show --format spiffe").action(
    async (options: ShowOptions) => (await import("../bundle/show.ts")).show(options, context),
  );
  addFederated(bundle, context, finish);
}

function addFederated(bundle: Command, context: CommandContext, finish: Finish): void {
  const list = bundle
    .command("list")
    .description("print the bundles of other trust domains that are kept here")
    .option("--id <domain>", "only of this trust domain")
    .addOption(bundleFormat("--format", "PEM certificates or SPIFFE bundle documents"));
  withExamples(
    withServerSocket(list, context),
    "bundle list",
    "bundle list --id partner.example --format spiffe",
  ).action(async (options: ListOptions) => (await import("../bundle/list.ts")).list(options, context));
  const set = bundle
    .command("set")
    .description("keep the bundle of another trust domain, or replace the one that is kept")
    .requiredOption("--id <domain>", "whose bundle it is")
    .option("--file <path>", "the bundle, or - for standard input", "-")
    .addOption(bundleFormat("--format", "what the file has: PEM certificates or a SPIFFE bundle document"));
  withExamples(
    withServerSocket(set, context),
    "bundle set --id partner.example --file partner.pem",
    "bundle set --id partner.example --format spiffe < partner.json",
  ).action(async (options: SetOptions) => (await import("../bundle/change.ts")).set(options, context, finish));
  const remove = bundle
    .command("delete")
    .description("forget the bundle of another trust domain")
    .requiredOption("--id <domain>", "whose bundle to forget")
    .addOption(
      new Option("--mode <mode>", "what becomes of entries that federate with it")
        .choices(["restrict", "delete", "dissociate"])
        .default("restrict"),
    );
  withExamples(
    withServerSocket(remove, context),
    "bundle delete --id partner.example",
    "bundle delete --id partner.example --mode dissociate",
  ).action(async (options: DeleteOptions) => (await import("../bundle/change.ts")).remove(options, context, finish));
  withExamples(
    withServerSocket(bundle.command("count").description("how many bundles are kept, the own one included"), context),
    "bundle count",
  ).action(async (options: ServerOptions) => (await import("../bundle/list.ts")).count(options, context));
}

export function bundleFormat(flag: string, description: string): Option {
  return new Option(`${flag} <format>`, description).choices(["pem", "spiffe"]).default("pem");
}
