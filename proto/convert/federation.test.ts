import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import type { FederationRelationship } from "../domain/federation.ts";
import type { Bundle__Output } from "../gen/spire/api/types/Bundle.ts";
import type { FederationRelationship__Output } from "../gen/spire/api/types/FederationRelationship.ts";
import { bundleService, trustDomainService } from "../services.ts";
import { type BundleField, decodeBundleDraft, encodeBundle } from "./bundle.ts";
import { decodeFederationDraft, encodeFederation, type FederationField } from "./federation.ts";
import { decodeMask } from "./mask.ts";

const trustDomain = TrustDomain.parse("a.test");
const limits = { authorities: 8, bytes: 8_000, urlCharacters: 200 };
const bundle = new TestAuthority(trustDomain, { notBeforeMs: 0, notAfterMs: 1_000 }).bundle().with({
  ...{ refreshHint: 60, sequenceNumber: 7n },
});

function maskOf<Field extends string>(fields: readonly Field[], set: readonly Field[]) {
  const wire: Partial<Record<Field, boolean>> = {};
  for (const field of fields) wire[field] = set.includes(field);
  return decodeMask<string>(Object.fromEntries(Object.entries(wire).map(([name, value]) => [name, value === true])));
}

/** Through the bytes of the wire. */
function asSent(value: SpiffeBundle): Bundle__Output {
  const { responseSerialize, responseDeserialize } = bundleService.GetBundle;
  return responseDeserialize(Buffer.from(responseSerialize(encodeBundle(value))));
}

function federationAsSent(relationship: FederationRelationship): FederationRelationship__Output {
  const { responseSerialize, responseDeserialize } = trustDomainService.GetFederationRelationship;
  return responseDeserialize(Buffer.from(responseSerialize(encodeFederation(relationship, bundle))));
}

describe("bundle drafts", () => {
  const fields = ["x509_authorities", "jwt_authorities", "refresh_hint", "sequence_number"] as const;
  const parts = {
    x509_authorities: "x509Authorities",
    jwt_authorities: "jwtAuthorities",
    refresh_hint: "refreshHint",
    sequence_number: "sequenceNumber",
  } as const satisfies Partial<Record<BundleField, string>>;

  it("have exactly the parts that the mask names, which then replace just those", () => {
    fc.assert(
      fc.property(fc.subarray([...fields]), (set) => {
        const draft = decodeBundleDraft(asSent(bundle), maskOf(fields, set), limits);
        assert.deepEqual(Object.keys(draft.parts).sort(), set.map((field) => parts[field]).sort());
        const updated = SpiffeBundle.empty(trustDomain).with(draft.parts);
        const again = encodeBundle(updated, maskOf(fields, set));
        assert.deepEqual(again, encodeBundle(bundle, maskOf(fields, set)));
        const rest = fields.filter((field) => !set.includes(field));
        assert.deepEqual(
          encodeBundle(updated, maskOf(fields, rest)),
          encodeBundle(SpiffeBundle.empty(trustDomain), maskOf(fields, rest)),
        );
      }),
    );
  });

  it("take no word of a caller for taint, and 0 for not stated", () => {
    const tainted = bundle.with({
      x509Authorities: bundle.x509Authorities.map((one) => ({ ...one, tainted: true })),
      ...{ refreshHint: undefined, sequenceNumber: 0n },
    });
    const { parts: read } = decodeBundleDraft(asSent(tainted), decodeMask(null), limits);
    const taken = SpiffeBundle.of(trustDomain, read);
    assert.ok(taken.x509Authorities.every((authority) => !authority.tainted));
    assert.deepEqual([taken.refreshHint, taken.sequenceNumber], [undefined, undefined]);
  });

  it("are refused beyond their limits before anything is parsed", () => {
    const wire = asSent(bundle);
    const garbage = Buffer.alloc(10);
    const many = { ...wire, x509_authorities: Array.from({ length: 9 }, () => ({ asn1: garbage, tainted: false })) };
    const large = { ...wire, x509_authorities: [{ asn1: Buffer.alloc(8_001), tainted: false }] };
    for (const [broken, message] of [
      [many, "x509_authorities: are more than 8"],
      [large, "x509_authorities: have more than 8000 bytes"],
    ] as const) {
      assert.throws(() => decodeBundleDraft(broken, decodeMask(null), limits), {
        code: "ERR_MALFORMED_REQUEST",
        message,
      });
    }
  });
});

describe("federation drafts", () => {
  const fields: readonly FederationField[] = ["bundle_endpoint_url", "bundle_endpoint_profile", "trust_domain_bundle"];
  const profiles: readonly FederationRelationship["profile"][] = [
    { kind: "https_web" },
    { kind: "https_spiffe", endpointSpiffeId: SpiffeId.of(trustDomain, "/e") },
  ];

  it("have exactly what the mask names", () => {
    fc.assert(
      fc.property(fc.subarray([...fields]), fc.constantFrom(...profiles), (set, profile) => {
        const relationship = { trustDomain, bundleEndpointUrl: "https://a.test/b", profile };
        const mask = maskOf(fields, set);
        const { change, bundle: given } = decodeFederationDraft(federationAsSent(relationship), mask, limits);
        assert.equal(change.bundleEndpointUrl, set.includes("bundle_endpoint_url") ? "https://a.test/b" : undefined);
        assert.equal(change.profile?.kind, set.includes("bundle_endpoint_profile") ? profile.kind : undefined);
        assert.equal(given !== undefined, set.includes("trust_domain_bundle"));
        const shown = encodeFederation(relationship, bundle, mask);
        assert.equal("bundle_endpoint_url" in shown, set.includes("bundle_endpoint_url"));
        assert.equal(profile.kind in shown, set.includes("bundle_endpoint_profile"));
        assert.equal("trust_domain_bundle" in shown, set.includes("trust_domain_bundle"));
      }),
    );
  });

  it("name every bad field at once", () => {
    const relationship = {
      trustDomain,
      bundleEndpointUrl: "http://a.test",
      profile: profiles[0] ?? { kind: "https_web" },
    };
    const wire = { ...federationAsSent({ ...relationship, profile: { kind: "https_web" } }), trust_domain: "A" };
    const { bundle_endpoint_profile: _profile, ...rest } = wire;
    assert.throws(
      () => decodeFederationDraft(rest, decodeMask(null), limits),
      (error) => {
        assert.ok(error instanceof Error);
        for (const field of ["trust_domain: ", "bundle_endpoint_url: ", "bundle_endpoint_profile: "])
          assert.ok(error.message.includes(field), error.message);
        return true;
      },
    );
  });
});
