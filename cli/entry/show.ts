import type { _spire_api_server_entry_v1_ListEntriesRequest_Filter as Filter } from "../../proto/gen/spire/api/server/entry/v1/ListEntriesRequest.ts";
import type { Entry__Output } from "../../proto/gen/spire/api/types/Entry.ts";
import { entryService } from "../../proto/services.ts";
import { type CommandChannel, withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import { inputError } from "../exit-codes.ts";
import { type SelectorMatching, type ServerOptions, selectorMatchings } from "../options.ts";
import { toJson } from "../output.ts";
import { selectorFlag, spiffeIdFlag } from "../wire.ts";
import { entryFacts, entryTable } from "./print.ts";

export interface FilterOptions extends ServerOptions {
  readonly parentId?: string;
  readonly spiffeId?: string;
  readonly selector?: readonly string[];
  readonly matchSelectorsOn: SelectorMatching;
  readonly matchFederatesWithOn: SelectorMatching;
  readonly hint?: string;
  readonly federatesWith?: readonly string[];
  readonly downstream?: boolean;
}

export interface ShowOptions extends FilterOptions {
  readonly entryId?: string;
}

const pageSize = 1000;

/** One entry by its id; without one all that match the filter, as SPIRE's `entry show` does. */
export async function show(id: string | undefined, options: ShowOptions, context: CommandContext): Promise<void> {
  const entryId = id ?? options.entryId;
  if (entryId === undefined) {
    print(await listEntries(options, context), options, context, entriesInFull);
    return;
  }
  if (Object.keys(filterOf(options)).length > 0)
    throw inputError("ERR_USAGE", "an entry's id cannot be combined with what filters entries");
  const entry = await withServer(options, context, (channel) => channel.unary(entryService.GetEntry, { id: entryId }));
  if (id === undefined) print([entry], options, context, entriesInFull);
  else context.terminal.out(options.output === "json" ? toJson(entry) : entryFacts(entry));
}

export async function list(options: FilterOptions, context: CommandContext): Promise<void> {
  print(await listEntries(options, context), options, context, (entries) => entryTable(context.terminal, entries));
}

function print(
  entries: readonly Entry__Output[],
  options: FilterOptions,
  { terminal }: CommandContext,
  asText: (entries: readonly Entry__Output[]) => string,
): void {
  if (options.output === "json") terminal.out(toJson({ entries, next_page_token: "" }));
  else terminal.out(entries.length === 0 ? "no entries" : asText(entries));
}

function entriesInFull(entries: readonly Entry__Output[]): string {
  return entries.map(entryFacts).join("\n\n");
}

/** All that match, page after page. */
export async function listEntries(options: FilterOptions, context: CommandContext): Promise<readonly Entry__Output[]> {
  const filter = filterOf(options);
  return withServer(options, context, (channel) => everyEntry(channel, filter));
}

export async function everyEntry(channel: CommandChannel, filter: Filter): Promise<readonly Entry__Output[]> {
  const entries: Entry__Output[] = [];
  let token = "";
  do {
    const page = await channel.unary(entryService.ListEntries, { filter, page_size: pageSize, page_token: token });
    entries.push(...page.entries);
    token = page.next_page_token;
  } while (token !== "");
  return entries;
}

export async function count(options: FilterOptions, context: CommandContext): Promise<void> {
  const filter = filterOf(options);
  const answer = await withServer(options, context, (channel) => channel.unary(entryService.CountEntries, { filter }));
  context.terminal.out(
    options.output === "json" ? toJson(answer) : `${answer.count} ${answer.count === 1 ? "entry" : "entries"}`,
  );
}

function filterOf(options: FilterOptions): Filter {
  const match = selectorMatchings[options.matchSelectorsOn];
  const domainMatch = selectorMatchings[options.matchFederatesWithOn];
  const selectors = options.selector?.map((text) => selectorFlag("--selector", text)) ?? [];
  const trustDomains = [...(options.federatesWith ?? [])];
  return {
    ...(options.parentId === undefined ? {} : { by_parent_id: spiffeIdFlag("--parent-id", options.parentId) }),
    ...(options.spiffeId === undefined ? {} : { by_spiffe_id: spiffeIdFlag("--spiffe-id", options.spiffeId) }),
    ...(selectors.length === 0 ? {} : { by_selectors: { selectors, match } }),
    ...(trustDomains.length === 0 ? {} : { by_federates_with: { trust_domains: trustDomains, match: domainMatch } }),
    ...(options.hint === undefined ? {} : { by_hint: { value: options.hint } }),
    ...(options.downstream === true ? { by_downstream: { value: true } } : {}),
  };
}
