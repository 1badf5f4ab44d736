import type { Entry__Output } from "../../../proto/gen/spire/api/types/Entry.ts";
import { agentService } from "../../../proto/services.ts";
import type { CommandChannel } from "../../connect.ts";
import type { Change } from "../../entry/declared/plan.ts";
import { createEntries, type ItemResult, succeeded, updateEntries } from "../../entry/mutations.ts";
import { everyEntry } from "../../entry/show.ts";
import { idText } from "../../wire.ts";
import type { Ends } from "../ends.ts";
import { type Copied, copyBundles, copyRelationships } from "./federation.ts";
import { type ParentMap, parentMapOf } from "./parents.ts";
import { type EntriesPlan, entriesPlan, type Remark, remark } from "./plan.ts";

export interface CopyReport {
  readonly trustDomain: string;
  readonly bundles: Copied;
  readonly relationships: Copied;
  readonly entries: Pick<EntriesPlan, "unchanged" | "left" | "refused" | "waiting" | "onlyHere"> & {
    readonly created: readonly string[];
    readonly updated: readonly { readonly id: string; readonly changes: readonly Change[] }[];
  };
  /** Agents' ids there → here, as far as they are known. */
  readonly parents: ParentMap;
}

export interface CopyOptions {
  readonly given: ParentMap;
  /** Nothing is written; the report says what would be. */
  readonly onlyLook: boolean;
  readonly nowMs: number;
  readonly progress: (text: string) => void;
}

/** Bundles first: entries that federate need them. */
export async function copyOnce(ends: Ends, options: CopyOptions): Promise<CopyReport> {
  const { given, onlyLook, nowMs } = options;
  const bundles = await copyBundles(ends, onlyLook);
  const relationships = await copyRelationships(ends, onlyLook);
  const [theirs, ours, ourAgents] = await Promise.all([
    everyEntry(ends.from, {}),
    everyEntry(ends.to, {}),
    everyAgent(ends.to),
  ]);
  const parents = parentMapOf({ given, theirEntries: theirs, ourEntries: ours, ourAgents });
  const plan = entriesPlan({ theirs, ours, ourAgents, parents, now: Math.floor(nowMs / 1000) });
  const entries = onlyLook ? asPlanned(plan) : await carryOut(ends.to, plan, options);
  const { unchanged, left, waiting, onlyHere } = plan;
  return {
    ...{ trustDomain: ends.trustDomain, bundles, relationships, parents },
    entries: { unchanged, left, waiting, onlyHere, ...entries },
  };
}

type Written = Pick<CopyReport["entries"], "created" | "updated" | "refused">;

function asPlanned({ create, update, refused }: EntriesPlan): Written {
  return {
    created: create.map(({ id }) => id),
    updated: update.map(({ entry, changes }) => ({ id: entry.id, changes })),
    refused,
  };
}

async function carryOut(
  channel: CommandChannel,
  { create, update, refused }: EntriesPlan,
  { progress }: CopyOptions,
): Promise<Written> {
  const changes = new Map(update.map(({ entry, changes: fields }) => [entry.id, fields]));
  const made = await inParts(create, "created", progress, (part) => createEntries(channel, part));
  const changed = await inParts(
    update.map(({ entry }) => entry),
    "updated",
    progress,
    (part) => updateEntries(channel, part, undefined),
  );
  return {
    created: made.done.map(({ id }) => id),
    updated: changed.done.map(({ id }) => ({ id, changes: changes.get(id) ?? [] })),
    refused: [...refused, ...made.refused, ...changed.refused],
  };
}

/** Long runs say how far they are. */
const partSize = 5_000;

async function inParts(
  entries: readonly Entry__Output[],
  verb: string,
  progress: (text: string) => void,
  write: (part: readonly Entry__Output[]) => Promise<readonly ItemResult[]>,
): Promise<{ readonly done: readonly Entry__Output[]; readonly refused: readonly Remark[] }> {
  const [done, refused]: [Entry__Output[], Remark[]] = [[], []];
  for (let start = 0; start < entries.length; start += partSize) {
    const part = entries.slice(start, start + partSize);
    const results = await write(part);
    for (const [index, entry] of part.entries()) {
      const result = results[index];
      if (result !== undefined && succeeded(result)) done.push(entry);
      else refused.push(remark(entry, result?.status.message ?? "the server gave no status"));
    }
    if (entries.length > partSize) progress(`${verb} ${done.length} of ${entries.length} entries`);
  }
  return { done, refused };
}

async function everyAgent(channel: CommandChannel): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (let token = ""; ; ) {
    const request = { page_size: 1_000, page_token: token, output_mask: {} };
    const { agents, next_page_token } = await channel.unary(agentService.ListAgents, request);
    for (const { id } of agents) ids.add(idText(id));
    if (next_page_token === "") return ids;
    token = next_page_token;
  }
}

export function refusalsOf({ bundles, relationships, entries }: CopyReport): number {
  return [bundles, relationships, entries].reduce((sum, { refused }) => sum + refused.length, 0);
}

/** Whether something was, or would be, written. */
export function isDifferent({ bundles, relationships, entries }: CopyReport): boolean {
  return [bundles, relationships, entries].some(({ created, updated }) => created.length + updated.length > 0);
}
