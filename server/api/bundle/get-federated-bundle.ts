import type { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import type { Registry } from "../../registry/ports.ts";
import type { BundleStore } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { bundleNotFound, ownTrustDomain } from "./foreign-item.ts";

export interface GetFederatedBundleNeeds {
  readonly trustDomain: TrustDomain;
  readonly registry: Pick<Registry, "bundle">;
  readonly store: BundleStore;
}

/** For agents too: bundles are public keys. Errors: ERR_OWN_TRUST_DOMAIN, ERR_BUNDLE_NOT_FOUND. */
export const getFederatedBundle = unaryRpc<GetFederatedBundleNeeds, TrustDomain, SpiffeBundle>({
  method: "/spire.api.server.bundle.v1.Bundle/GetFederatedBundle",
  callers: ["local", "admin", "agent"],
  audit: { kind: "read", fields: ({ name }) => ({ trust_domain: name }) },
  mask: "bundle",
  handle: async ({ trustDomain: own, registry, store }, trustDomain) => {
    if (trustDomain.equals(own)) throw ownTrustDomain();
    const bundle = registry.bundle(trustDomain) ?? (await store.findBundle(trustDomain));
    if (bundle === undefined) throw bundleNotFound();
    return bundle;
  },
});
