import { commonErrors } from "../../../transport/errors/common.ts";
import type { Registry } from "../../registry/ports.ts";
import type { EntryStore } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { auditItems, type EntryResult, entryDone, entryRefused } from "./entry-result.ts";
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
    const refusals = await Promise.all(
      ids.map(async (id) => {
        if (id === "") return commonErrors.error("ERR_MALFORMED_REQUEST", "missing entry ID");
        const { spiffeId, parentId } = registry.entry(id) ?? {};
        return call.refusalOf({ kind: "entry", id, ...(spiffeId && { spiffeId }), ...(parentId && { parentId }) });
      }),
    );
    const allowed = ids.filter((_id, index) => refusals[index] === undefined);
    const deleted = allowed.length === 0 ? [] : await store.deleteEntries(allowed);
    let next = 0;
    return ids.map((id, index) => {
      const refusal = refusals[index];
      if (refusal !== undefined) return entryRefused(id, refusal);
      return deleted[next++] === true ? entryDone(id) : entryRefused(id, entryNotFound());
    });
  },
});
