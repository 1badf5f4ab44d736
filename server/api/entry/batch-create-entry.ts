import { type Clock, type Random, uuidV7 } from "../../../runtime/core/index.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import type { ServiceError } from "../../../transport/errors/service-error.ts";
import { describeProblems, parseEntry } from "../../domain/entry-rules.ts";
import { serverErrors } from "../../errors.ts";
import type { CreateEntryOutcome, EntryStore, NewEntry } from "../../store/ports.ts";
import { carryOut, done, refused, withoutRepeats } from "../batch.ts";
import { type Call, unaryRpc } from "../rpc.ts";
import { auditItems, type EntryItem, type EntryResult, type PreparedEntry } from "./entry-result.ts";

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
export const batchCreateEntry = unaryRpc<BatchCreateEntryNeeds, readonly EntryItem[], readonly EntryResult[]>({
  method: "/spire.api.server.entry.v1.Entry/BatchCreateEntry",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_items, results) => auditItems(results) },
  mask: "entry",
  handle: async (needs, items, call) => {
    // In the batch's order, also within a millisecond: of several identities the oldest entry's is a workload's default.
    const ids = items.map(() => uuidV7(needs.clock.now(), needs.random)).sort();
    const prepared = await Promise.all(items.map((item, index) => prepare(needs, item, call, ids[index] ?? "")));
    const nowSeconds = Math.floor(needs.clock.now() / 1000);
    return carryOut(
      withoutRepeats(withoutRepeats(prepared, idOf, idOf), likenessOf, idOf),
      (entries) => needs.store.createEntries(entries, nowSeconds),
      resultOf,
    );
  },
});

/** What makes two entries similar. */
function likenessOf({ spiffeId, parentId, selectors }: NewEntry): string {
  return JSON.stringify([spiffeId, parentId, ...selectors].map(String));
}

function idOf({ id }: NewEntry): string {
  return id;
}

async function prepare(
  needs: BatchCreateEntryNeeds,
  item: EntryItem,
  call: Call,
  newId: string,
): Promise<PreparedEntry<NewEntry>> {
  if (item.kind === "malformed") return { kind: "refused", result: refused(item.name, item.error) };
  const parsed = parseEntry(item.value, { trustDomain: needs.trustDomain, newId: () => newId });
  if (parsed.kind === "invalid") {
    return { kind: "refused", result: refused(item.name, invalidEntry(describeProblems(parsed.problems))) };
  }
  const { id, spiffeId, parentId } = parsed.entry;
  const refusal = await call.refusalOf({ kind: "entry", id, spiffeId, parentId });
  return refusal === undefined
    ? { kind: "work", work: parsed.entry }
    : { kind: "refused", result: refused(id, refusal) };
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

function resultOf(entry: NewEntry, outcome: CreateEntryOutcome): EntryResult {
  switch (outcome.kind) {
    case "created":
      return done(entry.id, outcome.entry);
    case "similar":
      return refused(entry.id, serverErrors.error("ERR_ENTRY_EXISTS", "similar entry already exists"), outcome.entry);
    case "id-taken":
      return refused(entry.id, serverErrors.error("ERR_ENTRY_EXISTS", "entry ID is taken"), outcome.entry);
    case "no-bundle":
      return refused(entry.id, noBundle(outcome.trustDomain));
  }
}
