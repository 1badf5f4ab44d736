import type { _spire_api_server_entry_v1_ListEntriesRequest_Filter as Filter } from "../../proto/gen/spire/api/server/entry/v1/ListEntriesRequest.ts";
import type { Entry__Output } from "../../proto/gen/spire/api/types/Entry.ts";
import { entryService } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { selectorFlag, spiffeIdFlag } from "../wire.ts";
import { entryFacts, entryTable } from "./print.ts";

export interface FilterOptions extends ServerOptions {
  readonly parentId?: string;
  readonly spiffeId?: string;
  readonly selector?: readonly string[];
  readonly matchSelectorsOn: keyof typeof matches;
  readonly hint?: string;
  readonly federatesWith?: readonly string[];
  readonly downstream?: boolean;
}

const pageSize = 1000;
/** Numbers of SelectorMatch.MatchBehavior. */
const matches = { exact: 0, subset: 1, superset: 2, any: 3 } as const;

export async function show(id: string, options: ServerOptions, context: CommandContext): Promise<void> {
  const entry = await withServer(options, context, (channel) => channel.unary(entryService.GetEntry, { id }));
  context.terminal.out(options.output === "json" ? toJson(entry) : entryFacts(entry));
}

export async function list(options: FilterOptions, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const filter = filterOf(options);
  const entries: Entry__Output[] = [];
  await withServer(options, context, async (channel) => {
    let token = "";
    do {
      const page = await channel.unary(entryService.ListEntries, { filter, page_size: pageSize, page_token: token });
      entries.push(...page.entries);
      token = page.next_page_token;
    } while (token !== "");
  });
  if (options.output === "json") terminal.out(toJson({ entries, next_page_token: "" }));
  else if (entries.length === 0) terminal.out("no entries");
  else terminal.out(entryTable(terminal, entries));
}

export async function count(options: FilterOptions, context: CommandContext): Promise<void> {
  const filter = filterOf(options);
  const answer = await withServer(options, context, (channel) => channel.unary(entryService.CountEntries, { filter }));
  context.terminal.out(
    options.output === "json" ? toJson(answer) : `${answer.count} ${answer.count === 1 ? "entry" : "entries"}`,
  );
}

function filterOf(options: FilterOptions): Filter {
  const match = matches[options.matchSelectorsOn];
  const selectors = options.selector?.map((text) => selectorFlag("--selector", text)) ?? [];
  const trustDomains = [...(options.federatesWith ?? [])];
  return {
    ...(options.parentId === undefined ? {} : { by_parent_id: spiffeIdFlag("--parent-id", options.parentId) }),
    ...(options.spiffeId === undefined ? {} : { by_spiffe_id: spiffeIdFlag("--spiffe-id", options.spiffeId) }),
    ...(selectors.length === 0 ? {} : { by_selectors: { selectors, match } }),
    ...(trustDomains.length === 0 ? {} : { by_federates_with: { trust_domains: trustDomains, match } }),
    ...(options.hint === undefined ? {} : { by_hint: { value: options.hint } }),
    ...(options.downstream === true ? { by_downstream: { value: true } } : {}),
  };
}
