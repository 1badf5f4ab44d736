import type { TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import { unaryRpc } from "../rpc.ts";
import type { FederationLookupNeeds } from "./get-federation-relationship.ts";

/**
 * This release fetches no bundles: a relationship that is known says so, one that is not is not found. Errors:
 * ERR_FEDERATION_NOT_FOUND, ERR_FEDERATION_NOT_FETCHED.
 */
export const refreshBundle = unaryRpc<FederationLookupNeeds, TrustDomain, never>({
  method: "/spire.api.server.trustdomain.v1.TrustDomain/RefreshBundle",
  callers: ["local", "admin"],
  audit: { kind: "change", fields: ({ name }) => ({ trust_domain: name }) },
  handle: async ({ registry, store }, trustDomain) => {
    const known = registry.federation(trustDomain) ?? (await store.findFederation(trustDomain));
    if (known === undefined) {
      throw serverErrors.error("ERR_FEDERATION_NOT_FOUND", `no relationship with trust domain "${trustDomain}"`);
    }
    throw serverErrors.error(
      "ERR_FEDERATION_NOT_FETCHED",
      "this release keeps the relationship and does not yet fetch from its bundle endpoint",
    );
  },
});
