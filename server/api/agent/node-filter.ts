import type { AttestedNode } from "../../../proto/domain/agent.ts";
import type { Selector } from "../../../spiffe/index.ts";

export type SelectorMatch = "exact" | "subset" | "superset" | "any";

/** Everything present must hold. */
export interface NodeFilter {
  readonly attestationType?: string;
  readonly selectors?: { readonly match: SelectorMatch; readonly selectors: readonly Selector[] };
  readonly banned?: boolean;
  readonly canReattest?: boolean;
  /** Unix seconds. */
  readonly expiresBefore?: number;
}

export function matchesNode(node: AttestedNode, filter: NodeFilter): boolean {
  return (
    (filter.attestationType === undefined || node.attestationType === filter.attestationType) &&
    (filter.banned === undefined || node.banned === filter.banned) &&
    (filter.canReattest === undefined || node.canReattest === filter.canReattest) &&
    (filter.expiresBefore === undefined || node.expiresAt < filter.expiresBefore) &&
    (filter.selectors === undefined || matchesSelectors(node.selectors, filter.selectors))
  );
}

function matchesSelectors(
  stored: readonly Selector[],
  { match, selectors }: { readonly match: SelectorMatch; readonly selectors: readonly Selector[] },
): boolean {
  const given = new Set(selectors.map(String));
  const common = stored.filter((selector) => given.has(selector.toString())).length;
  switch (match) {
    case "exact":
      return common === given.size && stored.length === given.size;
    case "subset":
      return common === stored.length;
    case "superset":
      return common === given.size;
    case "any":
      return common > 0;
  }
}
