import { encodePkcs8 } from "../../../certs/index.ts";
import type { WireX509Svid } from "../../../proto/workload/codec.ts";
import {
  encodeJwtBundlesResponse,
  encodeX509BundlesResponse,
  encodeX509SvidResponse,
} from "../../../proto/workload/service-codec.ts";
import { TestIssuer } from "../../../sdk/testing/index.ts";
import type { X509Svid } from "../../../spiffe/index.ts";

export const a = TestIssuer.create("a.test");
export const b = TestIssuer.create("b.test");

/** An identity as it is on the wire, with parts replaced. */
export function wire(svid: X509Svid, parts: Partial<WireX509Svid> = {}): WireX509Svid {
  const issuer = [a, b].find(({ trustDomain }) => svid.id.isMemberOf(trustDomain)) ?? a;
  return {
    spiffeId: svid.id.toString(),
    x509Svid: svid.chainDer(),
    x509SvidKey: encodePkcs8(svid.key),
    bundle: issuer.bundle.x509Der(),
    hint: svid.hint,
    ...parts,
  };
}

type Bundles = Readonly<Record<string, Uint8Array>>;

export function x509Message(svids: readonly WireX509Svid[], federated: Bundles = {}, crl: readonly Uint8Array[] = []) {
  return encodeX509SvidResponse({ svids, crl, federatedBundles: new Map(Object.entries(federated)) });
}

/** The message of a program that is `path` of a.test. */
export function x509Of(path: string, federated: Bundles = {}): Uint8Array {
  return x509Message([wire(a.issueX509Svid(path))], federated);
}

export function x509BundlesMessage(bundles: Bundles): Uint8Array {
  return encodeX509BundlesResponse({ crl: [], bundles: new Map(Object.entries(bundles)) });
}

export function jwtBundlesMessage(bundles: Readonly<Record<string, string>>): Uint8Array {
  return encodeJwtBundlesResponse(
    new Map(Object.entries(bundles).map(([id, json]) => [id, Buffer.from(json)] as const)),
  );
}

export const bundleOfA = a.bundle.x509Der();
export const bundleOfB = b.bundle.x509Der();
