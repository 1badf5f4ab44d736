import type { AttestedNode } from "../../proto/domain/agent.ts";
import { compareEntries, type RegistrationEntry } from "../../proto/domain/entry.ts";
import type { FederationRelationship } from "../../proto/domain/federation.ts";
import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { type AgentFilter, agentFilterKey, agentPredicate } from "../domain/agent-filter.ts";
import { type EntryFilter, entryFilterKey, entryPredicate } from "../domain/entry-filter.ts";
import { decodePageToken, encodePageToken, type PageScope } from "./page-token.ts";
import type { Listings, Page, PageRequest, Registry } from "./ports.ts";

/** What a registry must offer beside its port. */
type Source = Pick<
  Registry,
  | "position"
  | "nodes"
  | "entries"
  | "entriesBySpiffeId"
  | "entriesByParentId"
  | "entriesBySelectors"
  | "bundles"
  | "federations"
> & {
  entriesAfter(place: Pick<RegistrationEntry, "createdAt" | "id">): Iterable<RegistrationEntry>;
  entriesByHint(hint: string): readonly RegistrationEntry[];
};

export class RegistryListings implements Listings {
  readonly #registry: Source;

  constructor(registry: Source) {
    this.#registry = registry;
  }

  listEntries(filter: EntryFilter, page: PageRequest): Page<RegistrationEntry> {
    const registry = this.#registry;
    const scope: PageScope = { list: "entries", epoch: registry.position.epoch, filterKey: entryFilterKey(filter) };
    const place = page.pageToken === "" ? undefined : entryPlace(decodePageToken(scope, page.pageToken, 2));
    const few = candidates(registry, filter)
      ?.filter((entry) => place === undefined || compareEntries(entry, place) > 0)
      .sort(compareEntries);
    const rest = place === undefined ? registry.entries() : registry.entriesAfter(place);
    return takePage(few ?? rest, entryPredicate(filter), page.pageSize, (entry) => {
      return encodePageToken(scope, [String(entry.createdAt), entry.id]);
    });
  }

  countEntries(filter: EntryFilter): number {
    return count(candidates(this.#registry, filter) ?? this.#registry.entries(), entryPredicate(filter));
  }

  listAgents(filter: AgentFilter, page: PageRequest): Page<AttestedNode> {
    const registry = this.#registry;
    const scope: PageScope = { list: "agents", epoch: registry.position.epoch, filterKey: agentFilterKey(filter) };
    const [after = ""] = page.pageToken === "" ? [] : decodePageToken(scope, page.pageToken, 1);
    const nodes = Array.from(registry.nodes(), (node) => ({ key: node.id.toString(), node }))
      .filter(({ key }) => key > after)
      .sort((left, right) => (left.key < right.key ? -1 : 1))
      .map(({ node }) => node);
    return takePage(nodes, agentPredicate(filter), page.pageSize, (node) => {
      return encodePageToken(scope, [node.id.toString()]);
    });
  }

  countAgents(filter: AgentFilter): number {
    return count(this.#registry.nodes(), agentPredicate(filter));
  }

  listFederatedBundles(own: TrustDomain, page: PageRequest): Page<SpiffeBundle> {
    return this.#byTrustDomain(
      "bundles",
      this.#registry.bundles(),
      page,
      ({ trustDomain }) => !trustDomain.equals(own),
    );
  }

  listFederations(page: PageRequest): Page<FederationRelationship> {
    return this.#byTrustDomain("federations", this.#registry.federations(), page, () => true);
  }

  #byTrustDomain<Item extends { readonly trustDomain: TrustDomain }>(
    list: PageScope["list"],
    items: Iterable<Item>,
    page: PageRequest,
    matches: (item: Item) => boolean,
  ): Page<Item> {
    const scope: PageScope = { list, epoch: this.#registry.position.epoch, filterKey: "" };
    const [after = ""] = page.pageToken === "" ? [] : decodePageToken(scope, page.pageToken, 1);
    const rest = [...items]
      .filter(({ trustDomain }) => trustDomain.name > after)
      .sort((left, right) => (left.trustDomain.name < right.trustDomain.name ? -1 : 1));
    return takePage(rest, matches, page.pageSize, ({ trustDomain }) => encodePageToken(scope, [trustDomain.name]));
  }
}

/** A superset of the matches from the narrowest index at hand, as an own array; `undefined` = look at all. */
function candidates(registry: Source, filter: EntryFilter): RegistrationEntry[] | undefined {
  if (filter.spiffeId !== undefined) return [...registry.entriesBySpiffeId(filter.spiffeId)];
  if (filter.parentId !== undefined) return [...registry.entriesByParentId(filter.parentId)];
  if (filter.hint !== undefined && filter.hint !== "") return [...registry.entriesByHint(filter.hint)];
  // Whatever the kind of match: an entry has selectors, so it has at least one in common with the given ones.
  const given = filter.selectors?.selectors.map(String) ?? [];
  if (given.length > 0) return [...registry.entriesBySelectors(given)];
  return undefined;
}

function entryPlace([createdAt, id = ""]: readonly string[]): Pick<RegistrationEntry, "createdAt" | "id"> {
  return { createdAt: Number(createdAt), id };
}

function takePage<T>(
  items: Iterable<T>,
  matches: (item: T) => boolean,
  pageSize: number,
  tokenAfter: (item: T) => string,
): Page<T> {
  const taken: T[] = [];
  for (const item of items) {
    if (!matches(item)) continue;
    const last = taken.at(-1);
    if (pageSize > 0 && taken.length >= pageSize && last !== undefined) {
      return { items: taken, nextPageToken: tokenAfter(last) };
    }
    taken.push(item);
  }
  return { items: taken, nextPageToken: "" };
}

function count<T>(items: Iterable<T>, matches: (item: T) => boolean): number {
  let total = 0;
  for (const item of items) if (matches(item)) total += 1;
  return total;
}
