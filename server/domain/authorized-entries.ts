import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Selector, TrustDomain } from "../../spiffe/index.ts";
import type { Decision } from "./decision.ts";

/** What the walk needs to see of the entries. Ids are texts. */
export interface EntryGraph {
  childrenOf(parentId: string): Iterable<RegistrationEntry>;
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

/** All entries below `rootId` (itself excluded), each once, in no particular order. Cycles end. */
export function descendants(graph: EntryGraph, rootId: string, nowSeconds: number): Map<string, RegistrationEntry> {
  const found = new Map<string, RegistrationEntry>();
  const seen = new Set([rootId]);
  for (const parent of seen) {
    for (const entry of graph.childrenOf(parent)) {
      if (!isLive(entry, nowSeconds)) continue;
      found.set(entry.id, entry);
      // A set that grows while it is iterated also yields what was added.
      seen.add(entry.spiffeId.toString());
    }
  }
  return found;
}

/** The authorised set, from scratch (spire-features §1.3). */
export function walkAuthorizedEntries(graph: EntryGraph, view: AgentView): Map<string, RegistrationEntry> {
  const found = new Map<string, RegistrationEntry>();
  for (const root of rootIds(graph, view)) {
    for (const [id, entry] of descendants(graph, root, view.nowSeconds)) found.set(id, entry);
  }
  return found;
}

export interface EntryFacts {
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
