import type { SpiffeBundle } from "../bundle/spiffe-bundle.ts";
import type { TrustDomain } from "../id/spiffe-id.ts";

/** Where verification finds bundles: a `BundleMap`, or something that always has the latest. */
export interface BundleSource {
  get(trustDomain: TrustDomain): SpiffeBundle | undefined;
}
