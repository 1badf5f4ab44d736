import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Selector, TrustDomain } from "../../spiffe/index.ts";
import type { Decision } from "./decision.ts";

/** What the walk needs to see of the entries. Ids are texts. */
export interface EntryGraph {
  childrenOf(parentId: string): Iterable<RegistrationEntry>;
  /** At least those children whose SPIFFE ID is itself the parent of an entry: the only ones that lead further. */
  linksOf(parentId: string): Iterable<RegistrationEntry>;
  entriesOf(spiffeId: string): Iterable<RegistrationEntry>;
}

/** Of whom, and when. */
export interface AgentView {
  readonly agentId: string;
  /** Texts of the node's selectors; empty when the node is unknown. */
  readonly nodeSelectors: ReadonlySet<string>;
  /** Parent of node aliases: `spiffe://td/spire/server`. */
  readonly serverId: string;
  readonly nowSeconds: number;
}

export function serverIdOf(trustDomain: TrustDomain): string {
  return `${trustDomain.idString}/spire/server`;
}

/** An expired entry counts as gone, as an own identity and as a link to others. */
export function isLive(entry: RegistrationEntry, nowSeconds: number): boolean {
  return entry.expiresAt === 0 || entry.expiresAt > nowSeconds;
}

/** A node alias gives its SPIFFE ID to every node that has all its selectors. */
export function matchesNode(selectors: readonly Selector[], nodeSelectors: ReadonlySet<string>): boolean {
  return selectors.length > 0 && selectors.every((selector) => nodeSelectors.has(selector.toString()));
}

/** Ids the agent starts from: its own and those of its node aliases. */
export function rootIds(graph: EntryGraph, view: AgentView): ReadonlySet<string> {
  const roots = new Set([view.agentId]);
  for (const alias of graph.childrenOf(view.serverId)) {
    if (isLive(alias, view.nowSeconds) && matchesNode(alias.selectors, view.nodeSelectors)) {
      roots.add(alias.spiffeId.toString());
    }
  }
  return roots;
}

/**
 * The ids whose children the agent may serve: the roots, and the SPIFFE ID of every entry below them that has children.
 * Since an entry has one parent, the authorised set is exactly the live entries whose parent is in here. Cycles end.
 */
export function reachableParents(
  graph: EntryGraph,
  roots: ReadonlySet<string>,
  nowSeconds: number,
): ReadonlySet<string> {
  const reached = new Set(roots);
  for (const parent of reached) {
    for (const link of graph.linksOf(parent)) {
      // A set that grows while it is iterated also yields what was added.
      if (isLive(link, nowSeconds)) reached.add(link.spiffeId.toString());
    }
  }
  return reached;
}

/** The live children of `parents`, in no particular order. */
export function* entriesBelow(
  graph: EntryGraph,
  parents: Iterable<string>,
  nowSeconds: number,
): Generator<RegistrationEntry, void> {
  for (const parent of parents) {
    for (const entry of graph.childrenOf(parent)) if (isLive(entry, nowSeconds)) yield entry;
  }
}

interface EntryFacts {
  /** Parent links from the entry up to the agent or the alias, as far as they were followed. */
  readonly via: readonly string[];
}

export type EntryDecision = Decision<
  "ENTRY_BELOW_AGENT" | "ENTRY_BELOW_ALIAS",
  "ENTRY_EXPIRED" | "ENTRY_NOT_BELOW_AGENT",
  EntryFacts
>;

/** May the agent serve this one entry? Walks up instead of down: cheap however large the set is. */
export function decideEntry(graph: EntryGraph, view: AgentView, entry: RegistrationEntry): EntryDecision {
  const seen = new Set<string>();
  const deny = (code: "ENTRY_EXPIRED" | "ENTRY_NOT_BELOW_AGENT"): EntryDecision => {
    return { allow: false, code, facts: { via: [...seen] } };
  };
  if (!isLive(entry, view.nowSeconds)) return deny("ENTRY_EXPIRED");
  seen.add(entry.parentId.toString());
  for (const parent of seen) {
    if (parent === view.agentId) return { allow: true, code: "ENTRY_BELOW_AGENT", facts: { via: [...seen] } };
    for (const link of graph.entriesOf(parent)) {
      if (!isLive(link, view.nowSeconds)) continue;
      const up = link.parentId.toString();
      if (up === view.serverId && matchesNode(link.selectors, view.nodeSelectors)) {
        return { allow: true, code: "ENTRY_BELOW_ALIAS", facts: { via: [...seen] } };
      }
      seen.add(up);
    }
  }
  return deny("ENTRY_NOT_BELOW_AGENT");
}

export function selectorTexts(selectors: readonly Selector[]): ReadonlySet<string> {
  return new Set(selectors.map(String));
}
