import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import type { ServiceError } from "../../../transport/errors/service-error.ts";
import { describeProblems, type EntryDraft, parseEntry } from "../../domain/entry-rules.ts";
import type { Registry } from "../../registry/ports.ts";
import type { EntryStore, NewEntry, UpdateEntryOutcome } from "../../store/ports.ts";
import { type Call, unaryRpc } from "../rpc.ts";
import { invalidEntry, noBundle } from "./batch-create-entry.ts";
import type { DraftItem } from "./draft-item.ts";
import { auditItems, type EntryResult, entryDone, entryRefused } from "./entry-result.ts";
import { entryNotFound, knownEntry } from "./get-entry.ts";

export interface BatchUpdateEntryNeeds {
  readonly trustDomain: TrustDomain;
  readonly registry: Pick<Registry, "entry">;
  readonly store: Pick<EntryStore, "findEntry" | "updateEntries">;
}

/** What an update may change; ids, revisions and creation times are the store's. */
export type EntryField = Exclude<keyof NewEntry, "id">;

export interface BatchUpdateEntryRequest {
  readonly items: readonly DraftItem[];
  /** `undefined` = every field. */
  readonly fields: ReadonlySet<EntryField> | undefined;
}

/**
 * One result per draft, in order. The rules are asked of the entry as it would be. Per item: ERR_MALFORMED_REQUEST,
 * ERR_ENTRY_NOT_FOUND, ERR_ENTRY_INVALID, ERR_ENTRY_NO_BUNDLE.
 */
export const batchUpdateEntry = unaryRpc<BatchUpdateEntryNeeds, BatchUpdateEntryRequest, readonly EntryResult[]>({
  method: "/spire.api.server.entry.v1.Entry/BatchUpdateEntry",
  callers: ["local", "admin"],
  audit: {
    kind: "change",
    fields: ({ fields }) => (fields === undefined ? {} : { fields: [...fields] }),
    items: (_request, results) => auditItems(results),
  },
  mask: "entry",
  handle: async (needs, { items, fields }, call) => {
    const prepared = await Promise.all(items.map((item) => prepare(needs, item, fields, call)));
    const updates = prepared.flatMap((one) => (one.kind === "valid" ? [one.update] : []));
    const outcomes = updates.length === 0 ? [] : await needs.store.updateEntries(updates);
    let next = 0;
    return prepared.map((one) => (one.kind === "valid" ? resultOf(one.update.id, outcomes[next++]) : one.result));
  },
});

type Prepared =
  | { readonly kind: "valid"; readonly update: { readonly id: string; readonly change: Partial<NewEntry> } }
  | { readonly kind: "refused"; readonly result: EntryResult };

async function prepare(
  needs: BatchUpdateEntryNeeds,
  item: DraftItem,
  fields: ReadonlySet<EntryField> | undefined,
  call: Call,
): Promise<Prepared> {
  if (item.kind === "malformed") return refused(item.id, item.error);
  const { draft } = item;
  if (draft.id === "") return refused("", commonErrors.error("ERR_MALFORMED_REQUEST", "missing entry ID"));
  const stored = await knownEntry(needs, draft.id);
  if (stored === undefined) return refused(draft.id, entryNotFound());
  const parsed = parseEntry(fields === undefined ? draft : merged(stored, draft, fields), {
    trustDomain: needs.trustDomain,
    newId: () => stored.id,
  });
  if (parsed.kind === "invalid") return refused(draft.id, invalidEntry(describeProblems(parsed.problems)));
  for (const { spiffeId, parentId } of [stored, parsed.entry]) {
    const refusal = await call.refusalOf({ kind: "entry", id: draft.id, spiffeId, parentId });
    if (refusal !== undefined) return refused(draft.id, refusal);
  }
  return { kind: "valid", update: { id: draft.id, change: changeOf(parsed.entry, fields) } };
}

function refused(id: string, error: ServiceError): Prepared {
  return { kind: "refused", result: entryRefused(id, error) };
}

/** The stored entry as a draft, with the masked fields taken from `draft`. */
function merged(stored: RegistrationEntry, draft: EntryDraft, fields: ReadonlySet<EntryField>): EntryDraft {
  const { spiffeId, parentId } = stored;
  const whole: EntryDraft = {
    ...stored,
    spiffeId: { trustDomain: spiffeId.trustDomain.name, path: spiffeId.path },
    parentId: { trustDomain: parentId.trustDomain.name, path: parentId.path },
    federatesWith: stored.federatesWith.map(({ name }) => name),
  };
  return { ...whole, ...picked(draft, fields) };
}

function changeOf(entry: NewEntry, fields: ReadonlySet<EntryField> | undefined): Partial<NewEntry> {
  if (fields !== undefined) return picked(entry, fields);
  const { id: _id, ...change } = entry;
  return change;
}

function picked<Whole extends object>(whole: Whole, fields: ReadonlySet<string>): Partial<Whole> {
  const part: Partial<Whole> = { ...whole };
  for (const key of Object.keys(part)) if (!fields.has(key)) Reflect.deleteProperty(part, key);
  return part;
}

function resultOf(id: string, outcome: UpdateEntryOutcome | undefined): EntryResult {
  if (outcome === undefined) throw new TypeError("the store gave fewer outcomes than it was given updates");
  switch (outcome.kind) {
    case "updated":
      return entryDone(id, outcome.entry);
    case "not-found":
      return entryRefused(id, entryNotFound());
    case "no-bundle":
      return entryRefused(id, noBundle(outcome.trustDomain));
  }
}
