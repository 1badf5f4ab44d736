import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { EntryDraft } from "../../domain/entry-rules.ts";
import type { AuditItem } from "../../telemetry/index.ts";
import type { BatchResult, Draft, Prepared } from "../batch.ts";

/** One item of a batch as it came over the wire, under the id that it has there. */
export type EntryItem = Draft<EntryDraft>;

/** The entry created, changed, or in the way, under its id. */
export type EntryResult = BatchResult<RegistrationEntry>;

export type PreparedEntry<Work> = Prepared<Work, RegistrationEntry>;

export function auditItems(results: readonly EntryResult[]): readonly AuditItem[] {
  return results.map(({ name, code, value }) => ({
    code,
    entry_id: name,
    ...(value === undefined ? {} : { spiffe_id: value.spiffeId.toString(), parent_id: value.parentId.toString() }),
  }));
}
