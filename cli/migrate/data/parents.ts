import type { Entry__Output } from "../../../proto/gen/spire/api/types/Entry.ts";
import { idText } from "../../wire.ts";

/** Agents' ids there → here. An agent that joined with a token has another id on each server. */
export type ParentMap = ReadonlyMap<string, string>;

export interface ParentFacts {
  /** Given by the operator; they win. */
  readonly given: ParentMap;
  readonly theirEntries: readonly Entry__Output[];
  readonly ourEntries: readonly Entry__Output[];
  /** Ids of the agents that have attested here. */
  readonly ourAgents: ReadonlySet<string>;
}

/**
 * What is given, and what follows from aliases: the token of an agent may have been made with an alias, on both servers.
 * Where one agent there and one here has the alias, they are the same host. Where several have it, nobody can tell.
 */
export function parentMapOf({ given, theirEntries, ourEntries, ourAgents }: ParentFacts): ParentMap {
  const theirs = agentsByAlias(theirEntries);
  const ours = agentsByAlias(ourEntries.filter(({ parent_id }) => ourAgents.has(idText(parent_id))));
  const derived = [...theirs].flatMap(([alias, [old, ...others]]) => {
    const [arrived, ...rest] = ours.get(alias) ?? [];
    const isCertain = others.length === 0 && rest.length === 0;
    return isCertain && old !== undefined && arrived !== undefined && old !== arrived ? [[old, arrived] as const] : [];
  });
  return new Map([...derived, ...given]);
}

function agentsByAlias(entries: readonly Entry__Output[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const entry of entries.filter(isTokenAlias)) {
    const alias = idText(entry.spiffe_id);
    found.set(alias, [...(found.get(alias) ?? []), idText(entry.parent_id)]);
  }
  return found;
}

/** Made together with a join token (`token generate --spiffe-id`): gives one agent, its parent, another name. */
export function isTokenAlias({ parent_id, selectors }: Entry__Output): boolean {
  const [only, ...others] = selectors;
  const agent = idText(parent_id);
  return isTokenAgent(agent) && others.length === 0 && only?.type === "spiffe_id" && only.value === agent;
}

function isTokenAgent(id: string): boolean {
  return /^spiffe:\/\/[^/]+\/spire\/agent\/join_token\//.test(id);
}

/** The agents that joined with a token which an entry names: as its parent, or as a selector of a node. */
export function tokenAgentsOf({ parent_id, selectors }: Entry__Output): readonly string[] {
  const named = selectors.flatMap(({ type, value }) => (type === "spiffe_id" ? [value] : []));
  return [...new Set([idText(parent_id), ...named].filter(isTokenAgent))];
}

/** The same entry with agents' ids of here. */
export function withParents(entry: Entry__Output, map: ParentMap): Entry__Output {
  const parent = map.get(idText(entry.parent_id));
  const path = parent === undefined ? undefined : /^spiffe:\/\/[^/]+(\/.*)$/.exec(parent)?.[1];
  return {
    ...entry,
    ...(path === undefined || entry.parent_id === null ? {} : { parent_id: { ...entry.parent_id, path } }),
    selectors: entry.selectors.map((selector) => {
      return selector.type === "spiffe_id"
        ? { ...selector, value: map.get(selector.value) ?? selector.value }
        : selector;
    }),
  };
}
