import type { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import type { Registry } from "../../registry/ports.ts";
import type { BundleStore } from "../../store/ports.ts";
import { ownBundle } from "../downstream-needs.ts";
import { unaryRpc } from "../rpc.ts";

export interface GetBundleNeeds {
  readonly trustDomain: TrustDomain;
  readonly registry: Pick<Registry, "bundle">;
  readonly store: BundleStore;
}

/** Own trust domain's bundle; public by nature. Errors: ERR_BUNDLE_NOT_FOUND. */
export const getBundle = unaryRpc<GetBundleNeeds, void, SpiffeBundle>({
  method: "/spire.api.server.bundle.v1.Bundle/GetBundle",
  callers: ["any"],
  audit: { kind: "read" },
  mask: "bundle",
  handle: ownBundle,
});
