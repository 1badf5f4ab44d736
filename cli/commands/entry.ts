import type { Command } from "commander";
import type { CommandContext, Finish } from "../context.ts";
import type { CreateOptions } from "../entry/create.ts";
import type { ApplyOptions } from "../entry/declared/apply.ts";
import type { DeleteOptions } from "../entry/delete.ts";
import type { ExportOptions } from "../entry/export.ts";
import type { FilterOptions, ShowOptions } from "../entry/show.ts";
import type { UpdateOptions } from "../entry/update.ts";
import { collect, matchingOption, parseCount, parseLife, withServerSocket } from "../options.ts";
import { withExamples } from "./examples.ts";

export function addEntryCommands(program: Command, context: CommandContext, finish: Finish): void {
  const entry = program.command("entry").description("registration entries: which workload gets which identity");
  addCreate(entry, context, finish);
  addLooks(entry, context);
  addUpdate(entry, context, finish);
  addDeclared(entry, context, finish);
  const remove = entry
    .command("delete [entry-id...]")
    .description("delete entries; their SVIDs are withdrawn at once")
    .option("--file <path>", 'ids from a JSON or YAML file, {"ids": […]} or a list, or - for standard input');
  withExamples(
    withServerSocket(remove, context),
    "entry delete 01997a4e-0000-7000-8000-000000000000",
    "entry delete --file ids.json",
  ).action(async (ids: readonly string[], options: DeleteOptions) =>
    (await import("../entry/delete.ts")).remove(ids, options, context, finish),
  );
}

/** The flags that describe an entry, shared by create and update. */
function entryFlags(command: Command): Command {
  return command
    .option("--parent-id <id>", "who serves it: an agent's ID or a node alias")
    .option("--spiffe-id <id>", "the identity that matching workloads get")
    .option("--selector <type:value>", "what a workload must have; repeat for more", collect)
    .option("--x509-ttl <life>", "life of X509-SVIDs, e.g. 3600 or 1h (0: the server's default)", parseLife)
    .option("--jwt-ttl <life>", "life of JWT-SVIDs", parseLife)
    .option("--dns <name>", 'DNS name in the X509-SVID; repeat for more ("": none)', collect)
    .option("--hint <text>", "tells a workload with several identities which one this is")
    .option("--federates-with <domain>", 'trust domain whose bundle goes along; repeat for more ("": none)', collect)
    .option("--expires-at <unix-seconds>", "when the entry itself ends (0: never)", parseCount)
    .option("--admin", "may call the admin API")
    .option("--downstream", "is a subordinate server")
    .option("--store-svid", "its SVIDs go to a store, not to workloads")
    .option("--disable-x509-prefetch", "agents make its X509-SVIDs only when a workload asks")
    .option("--jwt-include-jti", "its JWT-SVIDs have a jti claim, and are made for each request");
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
    .option("--selector <type:value>", "only with these selectors; repeat for more", collect)
    .addOption(matchingOption("--match-selectors-on", "how the selectors given must match"))
    .addOption(matchingOption("--match-federates-with-on", "how the trust domains given must match"))
    .option("--hint <text>", "only with this hint")
    .option("--federates-with <domain>", "only federating with it; repeat for more", collect)
    .option("--downstream", "only downstream entries");
}

function addCreate(entry: Command, context: CommandContext, finish: Finish): void {
  const create = entryFlags(entry.command("create").description("create an entry, or many from a file"))
    .option("--entry-id <id>", "choose the entry's own id")
    .option("--node", "a node alias: the parent is the server, the selectors are a node's")
    .option("--file <path>", "entries from a YAML or JSON file, or - for standard input");
  withExamples(
    withServerSocket(waitFlags(create), context),
    "entry create --parent-id spiffe://example.org/host/web-1 --spiffe-id spiffe://example.org/web --selector unix:uid:1000 --wait",
    "entry create --file entries.yaml",
    "entry create --file - < entries.json",
  ).action(async (options: CreateOptions) => (await import("../entry/create.ts")).create(options, context, finish));
}

function addLooks(entry: Command, context: CommandContext): void {
  const show = entry
    .command("show [entry-id]")
    .description("show one entry in full, or all that match")
    .option("--entry-id <id>", "as the argument, but answered as a list, as SPIRE does");
  withExamples(
    withServerSocket(filterFlags(show), context),
    "entry show 01997a4e-0000-7000-8000-000000000000",
    "entry show --spiffe-id spiffe://example.org/web",
  ).action(async (id: string | undefined, options: ShowOptions) =>
    (await import("../entry/show.ts")).show(id, options, context),
  );
  withExamples(
    withServerSocket(filterFlags(entry.command("list").description("list entries")), context),
    "entry list --parent-id spiffe://example.org/host/web-1",
    "entry list --selector unix:uid:1000 --match-selectors-on exact --output json",
  ).action(async (options: FilterOptions) => (await import("../entry/show.ts")).list(options, context));
  withExamples(
    withServerSocket(filterFlags(entry.command("count").description("count entries")), context),
    "entry count --spiffe-id spiffe://example.org/web",
  ).action(async (options: FilterOptions) => (await import("../entry/show.ts")).count(options, context));
}

function addUpdate(entry: Command, context: CommandContext, finish: Finish): void {
  const update = entryFlags(
    entry.command("update [entry-id]").description("change the given fields of an entry; the rest stays"),
  )
    .option("--no-admin", "may no longer call the admin API")
    .option("--no-downstream", "is no longer a subordinate server")
    .option("--no-store-svid", "its SVIDs go to workloads")
    .option("--no-disable-x509-prefetch", "agents keep its X509-SVIDs ready")
    .option("--no-jwt-include-jti", "its JWT-SVIDs may be kept and given again")
    .option("--replace", "write every field: what no flag names is reset")
    .option("--file <path>", "whole entries (with id) from a YAML or JSON file, or - for standard input");
  withExamples(
    withServerSocket(waitFlags(update), context),
    "entry update 01997a4e-0000-7000-8000-000000000000 --dns db.internal --x509-ttl 30m --wait",
    "entry update --file entries.yaml",
  ).action(async (id: string | undefined, options: UpdateOptions) =>
    (await import("../entry/update.ts")).update(id, options, context, finish),
  );
}

function addDeclared(entry: Command, context: CommandContext, finish: Finish): void {
  const apply = entry
    .command("apply")
    .description("make the server have what files declare: shows the differences, asks, deletes only what is owned")
    .requiredOption("-f, --file <path>", "a YAML or JSON file, a folder of them, or -; repeat for more", collect)
    .option("--owner <name>", "whose entries the files are; others are never deleted")
    .option("--no-prune", "delete nothing")
    .option("--dry-run", "only show the differences; ends with 6 when there are any")
    .option("--yes", "do not ask")
    .option("--allow-empty", "apply also when the files declare nothing, which deletes all that is owned");
  withExamples(
    withServerSocket(apply, context),
    "entry apply --owner web-team --file entries/ --dry-run",
    "entry apply --owner web-team --file entries/ --yes",
  ).action(async (options: ApplyOptions) =>
    (await import("../entry/declared/apply.ts")).apply(options, context, finish),
  );
  const exported = entry
    .command("export")
    .description("print entries as a file that create, update and apply read back")
    .option("--owner <name>", "only those of this owner, by name instead of id");
  withExamples(
    withServerSocket(filterFlags(exported), context),
    "entry export > entries.yaml",
    "entry export --owner web-team > entries/web.yaml",
  ).action(async (options: ExportOptions) => (await import("../entry/export.ts")).exportEntries(options, context));
}
