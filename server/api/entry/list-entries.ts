import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { EntryFilter } from "../../domain/entry-filter.ts";
import type { Listings, Page, PageRequest } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface ListEntriesNeeds {
  readonly listings: Pick<Listings, "listEntries">;
}

export interface ListEntriesRequest {
  readonly filter: EntryFilter;
  readonly page: PageRequest;
}

/** In the order of (created_at, id). Errors: ERR_PAGE_TOKEN. */
export const listEntries = unaryRpc<ListEntriesNeeds, ListEntriesRequest, Page<RegistrationEntry>>({
  method: "/spire.api.server.entry.v1.Entry/ListEntries",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  mask: "entry",
  handle: async ({ listings }, { filter, page }) => listings.listEntries(filter, page),
});
