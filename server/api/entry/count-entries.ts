import type { TrustDomain } from "../../../spiffe/index.ts";
import type { EntryFilter } from "../../domain/entry-filter.ts";
import type { Listings } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { checkFilter } from "./check-filter.ts";

export interface CountEntriesNeeds {
  readonly trustDomain: TrustDomain;
  readonly listings: Pick<Listings, "countEntries">;
}

/** Errors: ERR_MALFORMED_REQUEST. */
export const countEntries = unaryRpc<CountEntriesNeeds, { readonly filter: EntryFilter }, number>({
  method: "/spire.api.server.entry.v1.Entry/CountEntries",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  handle: async ({ trustDomain, listings }, { filter }) => {
    checkFilter(filter, trustDomain);
    return listings.countEntries(filter);
  },
});
