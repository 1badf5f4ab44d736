import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Position } from "../../proto/domain/link.ts";
import type { Clock } from "../../runtime/core/index.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import { isLive, matchesNode, selectorTexts, serverIdOf } from "../domain/authorized-entries.ts";
import { serverLimits } from "../limits.ts";
import type { AuthorizedEntries, Registry } from "../registry/ports.ts";
import type { Feed } from "../store/ports.ts";
import type { ConnectionTable } from "./connections.ts";
import type { OpenSession } from "./open-session.ts";
import { WakeUp } from "./wake-up.ts";

export interface AgentDelivery {
  readonly agentId: SpiffeId;
  readonly state: "applied" | "pending" | "disconnected";
}

export interface WaitAppliedDeps {
  readonly registry: Pick<Registry, "nodes" | "reached" | "entry" | "entriesByParentId">;
  readonly authorized: AuthorizedEntries;
  readonly feed: Pick<Feed, "head">;
  readonly connections: ConnectionTable;
  readonly clock: Clock;
}

/**
 * Waits until the agents that serve the entries have applied them and hold servable SVIDs where they prefetch, or the time
 * is over. A node alias is applied where the entries below it are, by the agents whose nodes it names. Agents that are not connected are named, not waited for. Entries that were changed or no longer exist may have been
 * another agent's before: they also concern the agents that have not acknowledged everything yet.
 */
export async function waitApplied(
  deps: WaitAppliedDeps,
  entryIds: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly AgentDelivery[]> {
  const over = new AbortController();
  const timer = deps.clock.setTimer(Math.min(timeoutMs, serverLimits.waitAppliedMs.value), () => over.abort());
  const either = AbortSignal.any([signal, over.signal]);
  const news = new WakeUp();
  const unsubscribe = deps.connections.onChanged(() => news.set());
  try {
    const head = await deps.feed.head();
    await untilAborted(deps.registry.reached(head.n, either), over.signal);
    const watched = concernedAgents(deps, entryIds);
    for (;;) {
      const states = watched.map((agent) => delivery(deps, agent));
      if (over.signal.aborted || !states.some(({ state }) => state === "pending")) return states;
      await untilAborted(news.wait(either), over.signal);
    }
  } finally {
    unsubscribe();
    timer.cancel();
  }
}

interface Watched {
  readonly agentId: SpiffeId;
  /** Whose SVIDs it has to hold. */
  readonly entryIds: readonly string[];
  session: OpenSession | undefined;
  /** What the session has to acknowledge: fixed when it is first looked at, so that later changes do not matter. */
  target: Position | undefined;
}

function concernedAgents(deps: WaitAppliedDeps, entryIds: readonly string[]): readonly Watched[] {
  const now = deps.clock.now() / 1000;
  const wereElsewhere = entryIds.some((id) => deps.registry.entry(id)?.revisionNumber !== 0);
  const watched: Watched[] = [];
  for (const node of deps.registry.nodes()) {
    const session = deps.connections.session(node.id);
    const served = servedBy(deps, node, entryIds, now);
    const isGone = node.banned || (session === undefined && node.expiresAt < now);
    if (served !== undefined ? !isGone : wereElsewhere && session !== undefined && !session.isUpToDate) {
      watched.push({ agentId: node.id, entryIds: served ?? entryIds, session, target: session?.newest });
    }
  }
  return watched;
}

/** Which of the entries the agent serves, for its node's aliases the entries below; `undefined` when it has none of them. */
function servedBy(
  { registry, authorized }: WaitAppliedDeps,
  node: AttestedNode,
  entryIds: readonly string[],
  nowSeconds: number,
): readonly string[] | undefined {
  const own = entryIds.filter((id) => authorized.authorizedEntry(node.id, id) !== undefined);
  const aliases = entryIds.flatMap((id) => {
    const entry = registry.entry(id);
    return entry !== undefined && isLive(entry, nowSeconds) && isAliasOf(entry, node) ? [entry] : [];
  });
  if (own.length + aliases.length === 0) return undefined;
  const below = aliases.flatMap((alias) => registry.entriesByParentId(alias.spiffeId).map(({ id }) => id));
  return [...own, ...below];
}

function isAliasOf({ parentId, selectors }: RegistrationEntry, node: AttestedNode): boolean {
  return (
    parentId.toString() === serverIdOf(parentId.trustDomain) && matchesNode(selectors, selectorTexts(node.selectors))
  );
}

function delivery(deps: WaitAppliedDeps, watched: Watched): AgentDelivery {
  const session = deps.connections.session(watched.agentId);
  if (session !== watched.session) {
    watched.session = session;
    watched.target = session?.newest;
  }
  if (session === undefined || watched.target === undefined) return { agentId: watched.agentId, state: "disconnected" };
  const isApplied = session.hasApplied(watched.target, watched.entryIds);
  return { agentId: watched.agentId, state: isApplied ? "applied" : "pending" };
}

/** `promise`, or nothing once `signal` is aborted: running out of time is an answer here, not a failure. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await promise;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
