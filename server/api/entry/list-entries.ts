import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import type { EntryFilter } from "../../domain/entry-filter.ts";
import type { Listings, Page, PageRequest } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { checkFilter } from "./check-filter.ts";

export interface ListEntriesNeeds {
  readonly trustDomain: TrustDomain;
  readonly listings: Pick<Listings, "listEntries">;
}

export interface ListEntriesRequest {
  readonly filter: EntryFilter;
  readonly page: PageRequest;
}

/** In the order of (created_at, id). Errors: ERR_MALFORMED_REQUEST, ERR_PAGE_TOKEN. */
export const listEntries = unaryRpc<ListEntriesNeeds, ListEntriesRequest, Page<RegistrationEntry>>({
  method: "/spire.api.server.entry.v1.Entry/ListEntries",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  mask: "entry",
  handle: async ({ trustDomain, listings }, { filter, page }) => {
    checkFilter(filter, trustDomain);
    return listings.listEntries(filter, page);
  },
});
