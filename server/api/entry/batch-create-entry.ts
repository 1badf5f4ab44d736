import { type Clock, type Random, uuidV7 } from "../../../runtime/core/index.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import type { ServiceError } from "../../../transport/errors/service-error.ts";
import { describeProblems, parseEntry } from "../../domain/entry-rules.ts";
import { serverErrors } from "../../errors.ts";
import type { CreateEntryOutcome, EntryStore, NewEntry } from "../../store/ports.ts";
import { type Call, unaryRpc } from "../rpc.ts";
import type { DraftItem } from "./draft-item.ts";
import { auditItems, type EntryResult, entryDone, entryRefused } from "./entry-result.ts";

export interface BatchCreateEntryNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<EntryStore, "createEntries">;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * One result per draft, in order; the valid ones are created in one transaction. Per item: ERR_ENTRY_INVALID,
 * ERR_ENTRY_EXISTS (with the entry in the way), ERR_ENTRY_NO_BUNDLE.
 */
export const batchCreateEntry = unaryRpc<BatchCreateEntryNeeds, readonly DraftItem[], readonly EntryResult[]>({
  method: "/spire.api.server.entry.v1.Entry/BatchCreateEntry",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_items, results) => auditItems(results) },
  mask: "entry",
  handle: async (needs, items, call) => {
    // In the batch's order, also within a millisecond: of several identities the oldest entry's is a workload's default.
    const ids = items.map(() => uuidV7(needs.clock.now(), needs.random)).sort();
    const prepared = await Promise.all(items.map((item, index) => prepare(needs, item, call, ids[index] ?? "")));
    const entries = prepared.flatMap((one) => (one.kind === "valid" ? [one.entry] : []));
    const nowSeconds = Math.floor(needs.clock.now() / 1000);
    const outcomes = entries.length === 0 ? [] : await needs.store.createEntries(entries, nowSeconds);
    let next = 0;
    return prepared.map((one) => (one.kind === "valid" ? resultOf(one.entry, outcomes[next++]) : one.result));
  },
});

type Prepared =
  | { readonly kind: "valid"; readonly entry: NewEntry }
  | { readonly kind: "refused"; readonly result: EntryResult };

async function prepare(needs: BatchCreateEntryNeeds, item: DraftItem, call: Call, newId: string): Promise<Prepared> {
  if (item.kind === "malformed") return refused(item.id, item.error);
  const { draft } = item;
  const parsed = parseEntry(draft, { trustDomain: needs.trustDomain, newId: () => newId });
  if (parsed.kind === "invalid") return refused(draft.id, invalidEntry(describeProblems(parsed.problems)));
  const { id, spiffeId, parentId } = parsed.entry;
  const refusal = await call.refusalOf({ kind: "entry", id, spiffeId, parentId });
  return refusal === undefined ? parsed : refused(id, refusal);
}

function refused(id: string, error: ServiceError): Prepared {
  return { kind: "refused", result: entryRefused(id, error) };
}

export function invalidEntry(problems: string): ServiceError {
  return serverErrors.error("ERR_ENTRY_INVALID", `invalid entry: ${problems}`);
}

export function noBundle(trustDomain: string): ServiceError {
  return serverErrors.error(
    "ERR_ENTRY_NO_BUNDLE",
    `there is no bundle of trust domain ${trustDomain} to federate with`,
  );
}

function resultOf(entry: NewEntry, outcome: CreateEntryOutcome | undefined): EntryResult {
  if (outcome === undefined) throw new TypeError("the store gave fewer outcomes than it was given entries");
  switch (outcome.kind) {
    case "created":
      return entryDone(entry.id, outcome.entry);
    case "similar":
      return entryRefused(
        entry.id,
        serverErrors.error("ERR_ENTRY_EXISTS", "similar entry already exists"),
        outcome.entry,
      );
    case "id-taken":
      return entryRefused(entry.id, serverErrors.error("ERR_ENTRY_EXISTS", "entry ID is taken"), outcome.entry);
    case "no-bundle":
      return entryRefused(entry.id, noBundle(outcome.trustDomain));
  }
}
