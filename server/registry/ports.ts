import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { FederationRelationship } from "../../proto/domain/federation.ts";
import type { Position } from "../../proto/domain/link.ts";
import type { SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { AgentFilter } from "../domain/agent-filter.ts";
import type { AuthorityRecord } from "../domain/authority.ts";
import type { EntryFilter } from "../domain/entry-filter.ts";
import type { Change } from "../store/ports.ts";

/**
 * The server's memory: entries, nodes, bundles and authorities, changed only by applying the feed (own writes too).
 * Good news may be answered from it; bad news needs proof from the store (design §4).
 */
export interface Registry {
  /** Position applied so far. */
  readonly position: Position;
  entry(id: string): RegistrationEntry | undefined;
  /** In the order of (created_at, id). */
  entries(): Iterable<RegistrationEntry>;
  entriesBySpiffeId(spiffeId: SpiffeId): readonly RegistrationEntry[];
  entriesByParentId(parentId: SpiffeId): readonly RegistrationEntry[];
  /** Entries with at least one of the selectors. */
  entriesBySelectors(selectors: readonly string[]): readonly RegistrationEntry[];
  readonly entryCount: number;
  node(id: SpiffeId): AttestedNode | undefined;
  nodes(): Iterable<AttestedNode>;
  readonly nodeCount: number;
  bundle(trustDomain: TrustDomain): SpiffeBundle | undefined;
  /** Own and federated ones. */
  readonly bundleCount: number;
  /** The own one too. */
  bundles(): Iterable<SpiffeBundle>;
  federation(trustDomain: TrustDomain): FederationRelationship | undefined;
  federations(): Iterable<FederationRelationship>;
  authorities(): Iterable<AuthorityRecord>;
  /** Resolves once `position.n` ≥ `n` (or the epoch changed), rejects with `signal.reason`. */
  reached(n: number, signal: AbortSignal): Promise<void>;
  /** Called after each applied batch of changes. Returns the unsubscriber. */
  onApplied(listener: (changes: readonly Change[]) => void): () => void;
}

/**
 * Which entries an agent may serve: the walk from the agent id over node aliases and parent links (spire-features
 * §1.3). One function computes it for every path, polling and push.
 */
export interface AuthorizedEntries {
  /** Sorted by (created_at, id). Entries past their `expiresAt` (Unix seconds ≤ now) are left out. */
  authorizedEntries(agentId: SpiffeId): readonly RegistrationEntry[];
  /** The entry when the agent may serve it now. */
  authorizedEntry(agentId: SpiffeId, entryId: string): RegistrationEntry | undefined;
  /**
   * Calls `listener` with what changed for that agent after every applied batch that concerns it, and at the second an
   * entry expires. The first set is what `authorizedEntries` returns at the time of the call. Returns the unsubscriber.
   */
  watch(agentId: SpiffeId, listener: (delta: EntryDelta) => void): () => void;
  /**
   * Have the agent's node selectors, which choose its aliases, changed after change `n`? True too where this process
   * cannot know.
   */
  selectorsMayHaveChangedAfter(agentId: SpiffeId, n: number): boolean;
}

export interface EntryDelta {
  readonly position: Position;
  readonly upserted: readonly RegistrationEntry[];
  readonly removed: readonly string[];
}

/** Lists and counts for the admin APIs, answered from memory. Rejected page tokens throw ERR_PAGE_TOKEN. */
export interface Listings {
  /** In the order of (created_at, id): what comes or goes between two pages moves no other entry. */
  listEntries(filter: EntryFilter, page: PageRequest): Page<RegistrationEntry>;
  countEntries(filter: EntryFilter): number;
  /** In the order of the agents' ids. */
  listAgents(filter: AgentFilter, page: PageRequest): Page<AttestedNode>;
  countAgents(filter: AgentFilter): number;
  /** All but that of `own`, in the order of the trust domains' names. */
  listFederatedBundles(own: TrustDomain, page: PageRequest): Page<SpiffeBundle>;
  /** In the order of the trust domains' names. */
  listFederations(page: PageRequest): Page<FederationRelationship>;
}

export interface PageRequest {
  /** 0 = everything in one page: truncating makes controllers delete things. */
  readonly pageSize: number;
  /** "" = from the start. */
  readonly pageToken: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** "" at the end. */
  readonly nextPageToken: string;
}
