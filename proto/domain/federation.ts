import type { SpiffeId, TrustDomain } from "../../spiffe/index.ts";

/** How the endpoint that serves a foreign bundle proves itself (SPIFFE_Federation §5.2). */
export type BundleEndpointProfile =
  /** By a certificate of the web's authorities. */
  | { readonly kind: "https_web" }
  /** By an X509-SVID with this id. */
  | { readonly kind: "https_spiffe"; readonly endpointSpiffeId: SpiffeId };

/** Where the bundle of a foreign trust domain comes from. The bundle itself is kept apart from it. */
export interface FederationRelationship {
  readonly trustDomain: TrustDomain;
  /** An https URL with a host and without user information. */
  readonly bundleEndpointUrl: string;
  readonly profile: BundleEndpointProfile;
}
