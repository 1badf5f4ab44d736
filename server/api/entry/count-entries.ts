import type { EntryFilter } from "../../domain/entry-filter.ts";
import type { Listings } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface CountEntriesNeeds {
  readonly listings: Pick<Listings, "countEntries">;
}

export const countEntries = unaryRpc<CountEntriesNeeds, { readonly filter: EntryFilter }, number>({
  method: "/spire.api.server.entry.v1.Entry/CountEntries",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  handle: async ({ listings }, { filter }) => listings.countEntries(filter),
});
