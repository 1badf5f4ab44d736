import { commonErrors } from "../../../transport/errors/common.ts";
import type { Registry } from "../../registry/ports.ts";
import type { EntryStore } from "../../store/ports.ts";
import { carryOut, done, refused } from "../batch.ts";
import { type Call, unaryRpc } from "../rpc.ts";
import { auditItems, type EntryResult, type PreparedEntry } from "./entry-result.ts";
import { entryNotFound } from "./get-entry.ts";

export interface BatchDeleteEntryNeeds {
  readonly registry: Pick<Registry, "entry">;
  readonly store: Pick<EntryStore, "deleteEntries">;
}

/** One result per id, in order. Per item: ERR_MALFORMED_REQUEST, ERR_ENTRY_NOT_FOUND. */
export const batchDeleteEntry = unaryRpc<BatchDeleteEntryNeeds, readonly string[], readonly EntryResult[]>({
  method: "/spire.api.server.entry.v1.Entry/BatchDeleteEntry",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_ids, results) => auditItems(results) },
  handle: async ({ registry, store }, ids, call) => {
    const prepared = await Promise.all(ids.map((id) => prepare(registry, id, call)));
    return carryOut(
      prepared,
      (known) => store.deleteEntries(known),
      (id, isDeleted) => (isDeleted ? done(id) : refused(id, entryNotFound())),
    );
  },
});

async function prepare(
  registry: BatchDeleteEntryNeeds["registry"],
  id: string,
  call: Call,
): Promise<PreparedEntry<string>> {
  const { spiffeId, parentId } = registry.entry(id) ?? {};
  const error =
    id === ""
      ? commonErrors.error("ERR_MALFORMED_REQUEST", "missing entry ID")
      : await call.refusalOf({ kind: "entry", id, ...(spiffeId && { spiffeId }), ...(parentId && { parentId }) });
  return error === undefined ? { kind: "work", work: id } : { kind: "refused", result: refused(id, error) };
}
