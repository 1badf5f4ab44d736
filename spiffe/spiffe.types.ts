import type { Selector, SpiffeBundle, SpiffeId, TrustDomain } from "./index.ts";

// Compiled, never run: a look-alike is not a SPIFFE ID, and one kind of value is not another.
const lookAlike = {
  path: "/x",
  segments: ["x"],
  isMemberOf: () => true,
  equals: () => true,
  toString: () => "spiffe://a.test/x",
  toJSON: () => "spiffe://a.test/x",
};

export function nominal(id: SpiffeId, trustDomain: TrustDomain, selector: Selector, bundle: SpiffeBundle): void {
  // @ts-expect-error: the shape of a SpiffeId is not a SpiffeId
  const forged: SpiffeId = { ...lookAlike, trustDomain };
  // @ts-expect-error: text is not a SpiffeId
  const text: SpiffeId = "spiffe://a.test/x";
  // @ts-expect-error: a SPIFFE ID is not a trust domain
  const domain: TrustDomain = id;
  // @ts-expect-error: a trust domain is not a SPIFFE ID
  const other: SpiffeId = trustDomain;
  // @ts-expect-error: an object literal is not a selector
  const literal: Selector = { type: "unix", value: "uid:0", equals: () => true, toString: () => "", toJSON: () => "" };
  // @ts-expect-error: values are read-only
  selector.type = "k8s";
  // @ts-expect-error: so are bundles
  bundle.x509Authorities.push();
  return void [forged, text, domain, other, literal];
}
