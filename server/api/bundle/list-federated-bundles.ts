import type { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import type { Listings, Page, PageRequest } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface ListFederatedBundlesNeeds {
  readonly trustDomain: TrustDomain;
  readonly listings: Pick<Listings, "listFederatedBundles">;
}

/** In the order of the trust domains' names, without the own one. Errors: ERR_PAGE_TOKEN. */
export const listFederatedBundles = unaryRpc<ListFederatedBundlesNeeds, PageRequest, Page<SpiffeBundle>>({
  method: "/spire.api.server.bundle.v1.Bundle/ListFederatedBundles",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  mask: "bundle",
  handle: async ({ listings, trustDomain }, page) => listings.listFederatedBundles(trustDomain, page),
});
