import type { Command } from "commander";
import type { CommandContext, Finish } from "../context.ts";
import type { CreateOptions } from "../entry/create.ts";
import type { FilterOptions } from "../entry/show.ts";
import type { UpdateOptions } from "../entry/update.ts";
import type { CommonOptions } from "../options.ts";
import { collect, parseCount, parseLife, withServerSocket } from "../options.ts";

/** The flags that describe an entry, shared by create and update. */
function entryFlags(command: Command): Command {
  return command
    .option("--parent-id <id>", "who serves it: an agent's ID or a node alias")
    .option("--spiffe-id <id>", "the identity that matching workloads get")
    .option("--selector <type:value>", "what a workload must have; repeat for more", collect, [])
    .option("--x509-ttl <life>", "life of X509-SVIDs, e.g. 3600 or 1h (0: the server's default)", parseLife)
    .option("--jwt-ttl <life>", "life of JWT-SVIDs", parseLife)
    .option("--dns <name>", "DNS name in the X509-SVID; repeat for more", collect, [])
    .option("--hint <text>", "tells a workload with several identities which one this is")
    .option("--federates-with <trust-domain>", "trust domain whose bundle goes along; repeat for more", collect, [])
    .option("--expires-at <unix-seconds>", "when the entry itself ends", parseCount)
    .option("--admin", "may call the admin API")
    .option("--downstream", "is a subordinate server");
}

function waitFlags(command: Command): Command {
  return command
    .option("--wait", "return once the agents concerned hold it and can serve it")
    .option("--timeout <life>", "how long --wait waits", parseLife, 10);
}

function filterFlags(command: Command): Command {
  return command
    .option("--parent-id <id>", "only with this parent")
    .option("--spiffe-id <id>", "only for this identity")
    .option("--selector <type:value>", "only with these selectors; repeat for more", collect, [])
    .option("--match-selectors-on <how>", "exact, subset, superset or any", "superset")
    .option("--hint <text>", "only with this hint")
    .option("--federates-with <trust-domain>", "only federating with it; repeat for more", collect, [])
    .option("--downstream", "only downstream entries");
}

export function addEntryCommands(program: Command, context: CommandContext, finish: Finish): void {
  const entry = program.command("entry").description("registration entries: which workload gets which identity");
  withServerSocket(
    waitFlags(
      entryFlags(entry.command("create").description("create an entry, or many from a file"))
        .option("--entry-id <id>", "choose the entry's own id")
        .option("--node", "a node alias: the parent is the server, the selectors are a node's")
        .option("--file <path>", "entries from a YAML or JSON file, or - for standard input"),
    ).addHelpText(
      "after",
      "\nExamples:\n  countersign entry create --parent-id spiffe://example.org/host/web-1 --spiffe-id spiffe://example.org/web --selector unix:uid:1000 --wait\n  countersign entry create --file entries.yaml",
    ),
    context,
  ).action(async (options: CreateOptions) => (await import("../entry/create.ts")).create(options, context, finish));
  withServerSocket(entry.command("show <entry-id>").description("show one entry in full"), context).action(
    async (id: string, options: CommonOptions) => (await import("../entry/show.ts")).show(id, options, context),
  );
  withServerSocket(filterFlags(entry.command("list").description("list entries")), context).action(
    async (options: FilterOptions) => (await import("../entry/show.ts")).list(options, context),
  );
  withServerSocket(filterFlags(entry.command("count").description("count entries")), context).action(
    async (options: FilterOptions) => (await import("../entry/show.ts")).count(options, context),
  );
  withServerSocket(
    waitFlags(
      entryFlags(
        entry.command("update [entry-id]").description("change the given fields of an entry; the rest stays"),
      ).option("--file <path>", "whole entries (with id) from a YAML or JSON file, or - for standard input"),
    ).addHelpText("after", "\nExample:\n  countersign entry update 0197… --dns db.internal --wait"),
    context,
  ).action(async (id: string | undefined, options: UpdateOptions) =>
    (await import("../entry/update.ts")).update(id, options, context, finish),
  );
  withServerSocket(
    entry.command("delete <entry-id...>").description("delete entries; their SVIDs are withdrawn at once"),
    context,
  ).action(async (ids: readonly string[], options: CommonOptions) =>
    (await import("../entry/delete.ts")).remove(ids, options, context, finish),
  );
}
