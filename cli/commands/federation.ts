import { type Command, Option } from "commander";
import type { CommandContext, Finish } from "../context.ts";
import type { RelationshipOptions } from "../federation/relationship.ts";
import { type ServerOptions, withServerSocket } from "../options.ts";
import { bundleFormat } from "./bundle.ts";
import { withExamples } from "./examples.ts";

export function addFederationCommands(program: Command, context: CommandContext, finish: Finish): void {
  const federation = program
    .command("federation")
    .description("federation relationships: where the bundles of other trust domains come from");
  addChanges(federation, context, finish);
  addLooks(federation, context);
}

function relationshipFlags(command: Command): Command {
  return command
    .option("--trust-domain <name>", "the trust domain to federate with")
    .option("--bundle-endpoint-url <url>", "where its bundle is served (https)")
    .addOption(
      new Option("--bundle-endpoint-profile <profile>", "how the endpoint proves itself").choices([
        "https_web",
        "https_spiffe",
      ]),
    )
    .option("--endpoint-spiffe-id <id>", "the endpoint's SPIFFE ID, with https_spiffe")
    .option("--trust-domain-bundle-path <file>", "also keep this bundle of the trust domain (- for standard input)")
    .addOption(bundleFormat("--trust-domain-bundle-format", "what that file has"))
    .option("--file <path>", "relationships from a YAML or JSON file, or - for standard input");
}

function addChanges(federation: Command, context: CommandContext, finish: Finish): void {
  withExamples(
    withServerSocket(
      relationshipFlags(federation.command("create").description("make a relationship, or many from a file")),
      context,
    ),
    "federation create --trust-domain partner.example --bundle-endpoint-url https://partner.example/bundle --bundle-endpoint-profile https_web",
    "federation create --file relationships.json",
  ).action(async (options: RelationshipOptions) =>
    (await import("../federation/change.ts")).create(options, context, finish),
  );
  withExamples(
    withServerSocket(
      relationshipFlags(
        federation.command("update").description("change the given fields of a relationship, or all from a file"),
      ),
      context,
    ),
    "federation update --trust-domain partner.example --bundle-endpoint-url https://new.partner.example/bundle",
  ).action(async (options: RelationshipOptions) =>
    (await import("../federation/change.ts")).update(options, context, finish),
  );
  withExamples(
    withServerSocket(
      federation.command("delete <trust-domain...>").description("end relationships; the bundles stay (bundle delete)"),
      context,
    ),
    "federation delete partner.example",
  ).action(async (names: readonly string[], options: ServerOptions) =>
    (await import("../federation/change.ts")).remove(names, options, context, finish),
  );
}

function addLooks(federation: Command, context: CommandContext): void {
  withExamples(
    withServerSocket(federation.command("list").description("list the relationships"), context),
    "federation list",
  ).action(async (options: ServerOptions) => (await import("../federation/show.ts")).list(options, context));
  withExamples(
    withServerSocket(federation.command("show <trust-domain>").description("show one relationship"), context),
    "federation show partner.example",
  ).action(async (name: string, options: ServerOptions) =>
    (await import("../federation/show.ts")).show(name, options, context),
  );
  withExamples(
    withServerSocket(
      federation.command("refresh <trust-domain>").description("ask the server to fetch the bundle now"),
      context,
    ),
    "federation refresh partner.example",
  ).action(async (name: string, options: ServerOptions) =>
    (await import("../federation/show.ts")).refresh(name, options, context),
  );
}
