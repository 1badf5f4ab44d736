import { encodePkcs8 } from "../../certs/index.ts";
import {
  encodeJwtBundlesResponse,
  encodeX509BundlesResponse,
  encodeX509SvidResponse,
} from "../../proto/workload/service-codec.ts";
import type { SpiffeBundle, X509Svid } from "../../spiffe/index.ts";

/** FetchX509SVID's answer: bundles of other trust domains than the SVIDs' go as federated ones. */
export function encodeX509State(svids: readonly X509Svid[], bundles: readonly SpiffeBundle[]): Uint8Array {
  const own = new Set(svids.map((svid) => svid.id.trustDomain.name));
  return encodeX509SvidResponse({
    svids: svids.map((svid) => ({
      spiffeId: svid.id.toString(),
      x509Svid: svid.chainDer(),
      x509SvidKey: encodePkcs8(svid.key),
      bundle: bundles.find(({ trustDomain }) => svid.id.isMemberOf(trustDomain))?.x509Der() ?? new Uint8Array(),
      hint: svid.hint,
    })),
    crl: [],
    federatedBundles: byId(
      bundles.filter(({ trustDomain }) => !own.has(trustDomain.name)),
      (bundle) => bundle.x509Der(),
    ),
  });
}

export function encodeX509Bundles(bundles: readonly SpiffeBundle[]): Uint8Array {
  return encodeX509BundlesResponse({ crl: [], bundles: byId(bundles, (bundle) => bundle.x509Der()) });
}

export function encodeJwtBundles(bundles: readonly SpiffeBundle[]): Uint8Array {
  return encodeJwtBundlesResponse(byId(bundles, (bundle) => Buffer.from(bundle.toWorkloadJwks())));
}

function byId(
  bundles: readonly SpiffeBundle[],
  encode: (bundle: SpiffeBundle) => Uint8Array,
): ReadonlyMap<string, Uint8Array> {
  return new Map(bundles.map((bundle) => [bundle.trustDomain.idString, encode(bundle)]));
}
