import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import type { ServiceError } from "../../../transport/errors/service-error.ts";
import { describeProblems, type EntryDraft, parseEntry } from "../../domain/entry-rules.ts";
import type { Registry } from "../../registry/ports.ts";
import type { EntryStore, NewEntry, UpdateEntryOutcome } from "../../store/ports.ts";
import { carryOut, done, refused, withoutRepeats } from "../batch.ts";
import { type Call, unaryRpc } from "../rpc.ts";
import { invalidEntry, noBundle } from "./batch-create-entry.ts";
import { auditItems, type EntryItem, type EntryResult, type PreparedEntry } from "./entry-result.ts";
import { entryNotFound, knownEntry } from "./get-entry.ts";

export interface BatchUpdateEntryNeeds {
  readonly trustDomain: TrustDomain;
  readonly registry: Pick<Registry, "entry">;
  readonly store: Pick<EntryStore, "findEntry" | "updateEntries">;
}

/** What an update may change; ids, revisions and creation times are the store's. */
export type EntryField = Exclude<keyof NewEntry, "id">;

export interface BatchUpdateEntryRequest {
  readonly items: readonly EntryItem[];
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
    const id = (update: EntryUpdate) => update.id;
    return carryOut(
      withoutRepeats(prepared, id, id),
      (updates) => needs.store.updateEntries(updates),
      (update, outcome) => resultOf(update.id, outcome),
    );
  },
});

interface EntryUpdate {
  readonly id: string;
  readonly change: Partial<NewEntry>;
}

async function prepare(
  needs: BatchUpdateEntryNeeds,
  item: EntryItem,
  fields: ReadonlySet<EntryField> | undefined,
  call: Call,
): Promise<PreparedEntry<EntryUpdate>> {
  if (item.kind === "malformed") return refusal(item.name, item.error);
  const draft = item.value;
  if (draft.id === "") return refusal("", commonErrors.error("ERR_MALFORMED_REQUEST", "missing entry ID"));
  const stored = await knownEntry(needs, draft.id);
  if (stored === undefined) return refusal(draft.id, entryNotFound());
  const parsed = parseEntry(fields === undefined ? draft : merged(stored, draft, fields), {
    trustDomain: needs.trustDomain,
    newId: () => stored.id,
  });
  if (parsed.kind === "invalid") return refusal(draft.id, invalidEntry(describeProblems(parsed.problems)));
  for (const { spiffeId, parentId } of [stored, parsed.entry]) {
    const error = await call.refusalOf({ kind: "entry", id: draft.id, spiffeId, parentId });
    if (error !== undefined) return refusal(draft.id, error);
  }
  return { kind: "work", work: { id: draft.id, change: changeOf(parsed.entry, fields) } };
}

function refusal(id: string, error: ServiceError): PreparedEntry<EntryUpdate> {
  return { kind: "refused", result: refused(id, error) };
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

function resultOf(id: string, outcome: UpdateEntryOutcome): EntryResult {
  switch (outcome.kind) {
    case "updated":
      return done(id, outcome.entry);
    case "not-found":
      return refused(id, entryNotFound());
    case "no-bundle":
      return refused(id, noBundle(outcome.trustDomain));
  }
}
