import type { SpiffeBundle } from "../bundle/spiffe-bundle.ts";
import type { TrustDomain } from "../id/spiffe-id.ts";

/** Where verification finds bundles: a `BundleMap`, or something that always has the latest. */
export interface BundleSource {
  /** The newest bundle of this trust domain; `undefined` when its members are not trusted. */
  get(trustDomain: TrustDomain): SpiffeBundle | undefined;
}
