import { decodeEntryDraft, draftFieldsOf, encodeEntry } from "../../../proto/convert/entry.ts";
import { decodeEntryFilter } from "../../../proto/convert/filter.ts";
import { decodeMask, nothing } from "../../../proto/convert/mask.ts";
import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { Entry__Output } from "../../../proto/gen/spire/api/types/Entry.ts";
import type { EntryMask__Output } from "../../../proto/gen/spire/api/types/EntryMask.ts";
import { entryService } from "../../../proto/services.ts";
import { ServiceError } from "../../../transport/index.ts";
import { batchCreateEntry } from "../entry/batch-create-entry.ts";
import { batchDeleteEntry } from "../entry/batch-delete-entry.ts";
import { batchUpdateEntry, type EntryField } from "../entry/batch-update-entry.ts";
import { countEntries } from "../entry/count-entries.ts";
import type { EntryItem, EntryResult } from "../entry/entry-result.ts";
import { getEntry } from "../entry/get-entry.ts";
import { listEntries } from "../entry/list-entries.ts";
import { AnswerRoom } from "./answer-room.ts";
import { readPage } from "./page.ts";
import { type Registration, serveUnary } from "./registration.ts";

export function serveEntryService(to: Registration): void {
  serveUnary(
    to,
    entryService.CountEntries,
    countEntries,
    ({ filter }) => ({ filter: decodeEntryFilter(filter) }),
    (count) => ({ count }),
  );
  serveUnary(
    to,
    entryService.ListEntries,
    listEntries,
    (wire) => ({ filter: decodeEntryFilter(wire.filter), page: readPage(wire) }),
    ({ items, nextPageToken }, { output_mask }) => {
      const mask = decodeMask(output_mask);
      return { entries: items.map((entry) => encodeEntry(entry, mask)), next_page_token: nextPageToken };
    },
  );
  serveUnary(
    to,
    entryService.GetEntry,
    getEntry,
    ({ id }) => ({ id }),
    (entry, { output_mask }) => encodeEntry(entry, decodeMask(output_mask)),
  );
  serveUnary(
    to,
    entryService.BatchCreateEntry,
    batchCreateEntry,
    ({ entries }) => entries.map((entry) => readItem(entry, null)),
    (results, { output_mask }) => ({ results: encodeResults(results, output_mask) }),
  );
  serveUnary(
    to,
    entryService.BatchUpdateEntry,
    batchUpdateEntry,
    ({ entries, input_mask }) => ({
      items: entries.map((entry) => readItem(entry, input_mask)),
      fields: readInputMask(input_mask),
    }),
    (results, { output_mask }) => ({ results: encodeResults(results, output_mask) }),
  );
  serveUnary(
    to,
    entryService.BatchDeleteEntry,
    batchDeleteEntry,
    ({ ids }) => ids,
    (results) => ({
      results: results.map(({ name, status, message }) => ({ id: name, status: { code: status, message } })),
    }),
  );
}

function readItem(wire: Entry__Output, inputMask: EntryMask__Output | null): EntryItem {
  const decoded = decodeEntryDraft(wire, decodeMask(inputMask));
  if (decoded.kind === "draft") return { kind: "draft", name: wire.id, value: decoded.draft };
  if (!(decoded.error instanceof ServiceError)) throw decoded.error;
  return { kind: "malformed", name: wire.id, error: decoded.error };
}

function readInputMask(wire: EntryMask__Output | null): ReadonlySet<EntryField> | undefined {
  if (wire === null) return undefined;
  const fields = new Set<EntryField>();
  for (const field of draftFieldsOf(decodeMask(wire))) if (field !== "id") fields.add(field);
  return fields;
}

function encodeResults(results: readonly EntryResult[], outputMask: EntryMask__Output | null) {
  const mask = decodeMask(outputMask);
  const room = new AnswerRoom();
  const encode = (entry: RegistrationEntry) => room.take(encodeEntry(entry, mask), () => encodeEntry(entry, nothing));
  return results.map(({ status, message, value }) => ({
    status: { code: status, message },
    ...(value === undefined ? {} : { entry: encode(value) }),
  }));
}
