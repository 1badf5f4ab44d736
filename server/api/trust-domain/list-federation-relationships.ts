import type { Listings, Page, PageRequest, Registry } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { type FederationView, federationView } from "./federation-item.ts";

export interface ListFederationRelationshipsNeeds {
  readonly listings: Pick<Listings, "listFederations">;
  readonly registry: Pick<Registry, "bundle">;
}

/** In the order of the trust domains' names. Errors: ERR_PAGE_TOKEN. */
export const listFederationRelationships = unaryRpc<
  ListFederationRelationshipsNeeds,
  PageRequest,
  Page<FederationView>
>({
  method: "/spire.api.server.trustdomain.v1.TrustDomain/ListFederationRelationships",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  mask: "federation",
  handle: async ({ listings, registry }, request) => {
    const { items, nextPageToken } = listings.listFederations(request);
    return { items: items.map((relationship) => federationView(registry, relationship)), nextPageToken };
  },
});
