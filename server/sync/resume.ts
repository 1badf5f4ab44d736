import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Position } from "../../proto/domain/link.ts";
import { serverLimits } from "../limits.ts";
import type { Change, Feed } from "../store/ports.ts";

export interface Resumption {
  readonly upserted: readonly RegistrationEntry[];
  readonly removed: readonly string[];
}

/**
 * What an agent that holds its entries as of `held` lacks of `authorized` (its entries now). `undefined` when only a
 * snapshot will do: a foreign epoch, a position that is compacted away, too many changes, or a change (of the agent's
 * node selectors, say) that may have altered which entries are the agent's without touching those entries.
 */
export async function resumeEntries(
  feed: Pick<Feed, "changesAfter">,
  selectorsMayHaveChangedAfter: (n: number) => boolean,
  held: Position | undefined,
  now: Position,
  authorized: ReadonlyMap<string, RegistrationEntry>,
): Promise<Resumption | undefined> {
  if (held === undefined || held.epoch !== now.epoch || held.n > now.n) return undefined;
  if (held.n === now.n) return { upserted: [], removed: [] };
  const limit = serverLimits.syncResumeChanges.value;
  const page = await feed.changesAfter(held.n, limit);
  if (page.kind === "horizon" || page.head.epoch !== held.epoch || page.changes.length >= limit) return undefined;
  if (selectorsMayHaveChangedAfter(held.n)) return undefined;
  const parents = new Set<string>();
  for (const entry of authorized.values()) parents.add(entry.parentId.toString());
  if (page.changes.some((change) => mayMoveOthers(change, parents))) return undefined;
  const upserted: RegistrationEntry[] = [];
  const removed: string[] = [];
  for (const change of page.changes) {
    if (change.type !== "entry") continue;
    const entry = authorized.get(change.key);
    if (entry === undefined) removed.push(change.key);
    else upserted.push(entry);
  }
  return { upserted, removed };
}

/**
 * Entries that are somebody's parent or a node alias. A deleted
 * parent cannot be told from another deleted entry, and an entry that expired since is in the feed only once its row is
 * removed: then the digest of the page is what tells the agent.
 */
function mayMoveOthers(change: Change, parents: ReadonlySet<string>): boolean {
  if (change.type !== "entry" || change.value === undefined) return false;
  return change.value.parentId.path === "/spire/server" || parents.has(change.value.spiffeId.toString());
}
