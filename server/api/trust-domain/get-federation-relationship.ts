import type { TrustDomain } from "../../../spiffe/index.ts";
import type { Registry } from "../../registry/ports.ts";
import type { FederationStore } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { type FederationView, federationNotFound, federationView } from "./federation-item.ts";

export interface FederationLookupNeeds {
  readonly registry: Pick<Registry, "bundle" | "federation">;
  readonly store: Pick<FederationStore, "findFederation">;
}

/** From memory, and from the store before it is called unknown. Errors: ERR_FEDERATION_NOT_FOUND. */
export const getFederationRelationship = unaryRpc<FederationLookupNeeds, TrustDomain, FederationView>({
  method: "/spire.api.server.trustdomain.v1.TrustDomain/GetFederationRelationship",
  callers: ["local", "admin"],
  audit: { kind: "read", fields: ({ name }) => ({ trust_domain: name }) },
  mask: "federation",
  handle: async ({ registry, store }, trustDomain) => {
    const relationship = registry.federation(trustDomain) ?? (await store.findFederation(trustDomain));
    if (relationship === undefined) throw federationNotFound();
    return federationView(registry, relationship);
  },
});
