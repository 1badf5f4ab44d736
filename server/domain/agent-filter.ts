import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { Selector } from "../../spiffe/index.ts";
import { matchesSet, type SetMatch } from "./set-match.ts";

/** Everything present must hold; an empty filter matches every agent. */
export interface AgentFilter {
  readonly attestationType?: string;
  readonly selectors?: { readonly match: SetMatch; readonly selectors: readonly Selector[] };
  readonly banned?: boolean;
  readonly canReattest?: boolean;
  /** Unix seconds; matches agents whose SVID ends before it. */
  readonly expiresBefore?: number;
}

export function agentPredicate(filter: AgentFilter): (node: AttestedNode) => boolean {
  const selectors = filter.selectors && new Set(filter.selectors.selectors.map(String));
  return (node) =>
    (filter.attestationType === undefined || node.attestationType === filter.attestationType) &&
    (filter.banned === undefined || node.banned === filter.banned) &&
    (filter.canReattest === undefined || node.canReattest === filter.canReattest) &&
    (filter.expiresBefore === undefined || node.expiresAt < filter.expiresBefore) &&
    (filter.selectors === undefined ||
      selectors === undefined ||
      matchesSet(node.selectors.map(String), selectors, filter.selectors.match));
}

export function agentFilterKey(filter: AgentFilter): string {
  return JSON.stringify([
    filter.attestationType ?? null,
    filter.selectors ? [filter.selectors.match, ...filter.selectors.selectors.map(String).sort()] : null,
    filter.banned ?? null,
    filter.canReattest ?? null,
    filter.expiresBefore ?? null,
  ]);
}
