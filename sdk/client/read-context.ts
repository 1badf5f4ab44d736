import type { WireX509Svid, X509BundlesResponse, X509SvidResponse } from "../../proto/workload/codec.ts";
import { BundleMap, parseCertificates, SpiffeBundle, SpiffeId, TrustDomain, X509Svid } from "../../spiffe/index.ts";
import { WorkloadError } from "../errors.ts";
import { type BundleReader, KnownBundles } from "./known-bundles.ts";

/** One consistent state of what the Workload API gives this process. Immutable. */
export interface X509Context {
  /** At least one; the first is the default identity (SPIFFE_Workload_API §4.4). */
  readonly svids: readonly [X509Svid, ...X509Svid[]];
  /** Of the own trust domain and of those this process may also verify. */
  readonly bundles: BundleMap;
}

/** @throws WorkloadError ERR_WORKLOAD_API_MALFORMED: the whole update is then discarded */
export function readX509Context(response: X509SvidResponse, known = new KnownBundles()): X509Context {
  return legal(() => known.update((bundleOf) => x509Context(response, bundleOf)));
}

function x509Context(response: X509SvidResponse, bundleOf: BundleReader): X509Context {
  const bundles = new Map<string, SpiffeBundle>();
  const svids = response.svids.map((wire) => {
    checkMandatory(wire);
    const svid = X509Svid.parse({ chainDer: wire.x509Svid, keyDer: wire.x509SvidKey, hint: wire.hint });
    const { trustDomain } = svid.id;
    if (!svid.id.equals(SpiffeId.parse(wire.spiffeId)))
      throw malformed("an SVID is not of the identity it is named for");
    if (!bundles.has(trustDomain.name)) bundles.set(trustDomain.name, bundleOf(trustDomain, wire.bundle, x509Bundle));
    return svid;
  });
  const [first, ...rest] = withoutRepeatedHints(svids);
  if (first === undefined) throw malformed("the update holds no SVID");
  for (const [key, der] of response.federatedBundles) {
    const trustDomain = TrustDomain.parseNameOrId(key);
    if (!bundles.has(trustDomain.name)) bundles.set(trustDomain.name, bundleOf(trustDomain, der, x509Bundle));
  }
  return { svids: [first, ...rest], bundles: BundleMap.of(bundles.values()) };
}

/** @throws WorkloadError ERR_WORKLOAD_API_MALFORMED */
export function readX509Bundles(response: X509BundlesResponse, known = new KnownBundles()): BundleMap {
  return readBundles(response.bundles, x509Bundle, known);
}

/** @throws WorkloadError ERR_WORKLOAD_API_MALFORMED */
export function readJwtBundles(response: ReadonlyMap<string, Uint8Array>, known = new KnownBundles()): BundleMap {
  return readBundles(response, jwtBundle, known);
}

function readBundles(
  response: ReadonlyMap<string, Uint8Array>,
  parse: (trustDomain: TrustDomain, bytes: Uint8Array) => SpiffeBundle,
  known: KnownBundles,
): BundleMap {
  return legal(() => {
    if (response.size === 0) throw malformed("the update holds no bundle");
    return known.update((bundleOf) =>
      BundleMap.of([...response].map(([key, bytes]) => bundleOf(TrustDomain.parseNameOrId(key), bytes, parse))),
    );
  });
}

/** A mandatory field that is empty makes the message one to drop (SPIFFE_Workload_API §4.5, WAPI-28). */
function checkMandatory({ spiffeId, x509Svid, x509SvidKey, bundle }: WireX509Svid): void {
  const fields = { spiffe_id: spiffeId, x509_svid: x509Svid, x509_svid_key: x509SvidKey, bundle };
  for (const [name, { length }] of Object.entries(fields)) {
    if (length === 0) throw malformed(`an SVID has no ${name}`);
  }
}

function x509Bundle(trustDomain: TrustDomain, der: Uint8Array): SpiffeBundle {
  const certificates = parseCertificates(der).map((certificate) => ({ certificate }));
  return SpiffeBundle.of(trustDomain, { x509Authorities: certificates });
}

function jwtBundle(trustDomain: TrustDomain, json: Uint8Array): SpiffeBundle {
  return SpiffeBundle.parseWorkloadJwks(trustDomain, json).bundle;
}

/** A hint names one identity: of several with the same one only the first is kept (WAPI-30, WAPI-54). */
export function withoutRepeatedHints<Svid extends { readonly hint: string }>(svids: readonly Svid[]): readonly Svid[] {
  const seen = new Set<string>();
  return svids.filter(({ hint }) => {
    if (hint === "") return true;
    const isFirst = !seen.has(hint);
    seen.add(hint);
    return isFirst;
  });
}

/** @throws WorkloadError ERR_WORKLOAD_API_MALFORMED in place of what `read` throws */
export function legal<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof WorkloadError) throw error;
    throw malformed("the update holds something that does not parse", error);
  }
}

export function malformed(message: string, cause?: unknown): WorkloadError {
  return new WorkloadError("ERR_WORKLOAD_API_MALFORMED", message, cause === undefined ? {} : { cause });
}
