import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { serverErrors } from "../../errors.ts";
import type { Registry } from "../../registry/ports.ts";
import type { EntryStore } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface EntryLookupNeeds {
  readonly registry: Pick<Registry, "entry">;
  readonly store: Pick<EntryStore, "findEntry">;
}

/** Errors: ERR_MALFORMED_REQUEST, ERR_ENTRY_NOT_FOUND. */
export const getEntry = unaryRpc<EntryLookupNeeds, { readonly id: string }, RegistrationEntry>({
  method: "/spire.api.server.entry.v1.Entry/GetEntry",
  callers: ["local", "admin"],
  audit: { kind: "read", fields: ({ id }) => ({ entry_id: id.slice(0, 255) }) },
  mask: "entry",
  handle: async (needs, { id }) => {
    if (id === "") throw commonErrors.error("ERR_MALFORMED_REQUEST", "missing ID");
    const entry = await knownEntry(needs, id);
    if (entry === undefined) throw entryNotFound();
    return entry;
  },
});

/** From memory, and from the store before it is called unknown. */
export async function knownEntry(needs: EntryLookupNeeds, id: string): Promise<RegistrationEntry | undefined> {
  return needs.registry.entry(id) ?? (await needs.store.findEntry(id));
}

export function entryNotFound() {
  return serverErrors.error("ERR_ENTRY_NOT_FOUND", "entry not found");
}
