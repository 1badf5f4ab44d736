import type { SpiffeBundle } from "../../spiffe/index.ts";
import type { WorkloadView } from "../ports.ts";

/** Trust domain SPIFFE ID (`spiffe://td`) → encoded bundle, as the Workload API's maps have it (WAPI-37). */
export type WireBundleMap = Record<string, Uint8Array>;

/** Foreign trust domains in order of name, so that equal maps are equal bytes. */
export function foreignBundles(view: WorkloadView): readonly SpiffeBundle[] {
  return view.federatedBundles
    .filter(({ trustDomain }) => !trustDomain.equals(view.ownBundle.trustDomain))
    .toSorted((left, right) => (left.trustDomain.name < right.trustDomain.name ? -1 : 1));
}

/**
 * X.509: DER certificates one after another. A bundle without any is left out, never sent as zero bytes: Java, Python
 * and Envoy fail on that, and absence means the same (nobody of that trust domain is trusted).
 */
export function x509BundleMap(bundles: readonly SpiffeBundle[]): WireBundleMap {
  const encoded = bundles.map((bundle) => [bundle.trustDomain.idString, bundle.x509Der()] as const);
  return Object.fromEntries(encoded.filter(([, der]) => der.length > 0));
}

/** JWT: a JWK Set of signing keys only (WAPI-59, WAPI-60). */
export function jwtBundleMap(bundles: readonly SpiffeBundle[]): WireBundleMap {
  return Object.fromEntries(
    bundles.map((bundle) => [bundle.trustDomain.idString, Buffer.from(bundle.toWorkloadJwks())] as const),
  );
}
