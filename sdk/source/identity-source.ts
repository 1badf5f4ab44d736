import type { BundleSource, X509Svid } from "../../spiffe/index.ts";
import type { Unsubscribe } from "./live-state.ts";

/** What a connection needs of an `X509Source`: the identity to show and the bundles to verify the peer with. */
export interface IdentitySource extends BundleSource {
  /** Throws when there is no identity that is valid now. */
  readonly svid: X509Svid;
  onChange(listener: () => void): Unsubscribe;
}
