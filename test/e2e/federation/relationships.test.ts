import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Bundle } from "../../../proto/gen/spire/api/types/Bundle.ts";
import type { FederationRelationship } from "../../../proto/gen/spire/api/types/FederationRelationship.ts";
import { bundleService, trustDomainService } from "../../../proto/services.ts";
import { TrustDomain } from "../../../spiffe/index.ts";
import { TestAuthority } from "../../fakes/test-authority.ts";
import { TestServer } from "../../fakes/test-server.ts";

function bundleOf(trust_domain: string): Bundle {
  const lifetime = { notBeforeMs: Date.now() - 1_000, notAfterMs: Date.now() + 86_400_000 };
  const { certificate } = new TestAuthority(TrustDomain.parse("x"), lifetime);
  return { trust_domain, x509_authorities: [{ asn1: certificate.der }] };
}

function web(trust_domain: string, parts: FederationRelationship = {}): FederationRelationship {
  return { trust_domain, bundle_endpoint_url: `https://${trust_domain}/bundle`, https_web: {}, ...parts };
}

function spiffe(trust_domain: string, endpoint_spiffe_id: string): FederationRelationship {
  const { https_web: _web, ...rest } = web(trust_domain);
  return { ...rest, https_spiffe: { endpoint_spiffe_id } };
}

describe("federation relationships on real sockets", () => {
  let world: TestServer;
  before(async () => {
    world = await TestServer.start();
  });
  after(() => world[Symbol.asyncDispose]());

  const create = (...federation_relationships: FederationRelationship[]) =>
    world.admin.unary(trustDomainService.BatchCreateFederationRelationship, { federation_relationships });
  const get = (trust_domain: string) =>
    world.admin.unary(trustDomainService.GetFederationRelationship, { trust_domain });
  const update = (relationship: FederationRelationship, input_mask?: object) =>
    world.admin.unary(trustDomainService.BatchUpdateFederationRelationship, {
      federation_relationships: [relationship],
      ...(input_mask && { input_mask }),
    });
  const codes = ({ results }: { readonly results: readonly { readonly status: { readonly code: number } | null }[] }) =>
    results.map(({ status }) => status?.code);

  it("are created item by item, with a bundle or without, and answered with what is in the way", async () => {
    const answer = await create(
      web("web.test", { trust_domain_bundle: bundleOf("web.test") }),
      spiffe("spiffe.test", "spiffe://spiffe.test/endpoint"),
      spiffe("web.test", "spiffe://web.test/endpoint"),
      web("example.org"),
    );
    assert.deepEqual(codes(answer), [0, 0, 6, 3]);
    const [first, second, existing, own] = answer.results.map((result) => result.federation_relationship);
    assert.deepEqual(
      [first?.bundle_endpoint_url, first?.bundle_endpoint_profile, first?.trust_domain_bundle?.x509_authorities.length],
      ["https://web.test/bundle", "https_web", 1],
    );
    assert.deepEqual(
      [second?.https_spiffe?.endpoint_spiffe_id, second?.trust_domain_bundle],
      ["spiffe://spiffe.test/endpoint", null],
    );
    assert.deepEqual(existing, first);
    assert.equal(own, null);
    assert.deepEqual(await get("web.test"), first);
    assert.equal((await get("spiffe://spiffe.test")).trust_domain, "spiffe.test");
    const bundle = await world.admin.unary(bundleService.GetFederatedBundle, { trust_domain: "web.test" });
    assert.deepEqual(bundle, first?.trust_domain_bundle);
  });

  it("take no endpoint that could not be trusted or found, and no foreign bundle", async () => {
    const urls = [
      "",
      "http://a.test",
      "https://",
      "https:///path",
      "https://:443",
      "https://user@a.test",
      "https://user:secret@a.test",
      "https://@a.test",
      "https:\\\\a.test",
      "https://a.test\\b",
      "https://a b.test",
      "https://a.test:99999",
      "https://ä.test",
      `https://a.test/${"x".repeat(2_048)}`,
    ];
    const bad: readonly FederationRelationship[] = [
      ...urls.map((bundle_endpoint_url) => web("bad.test", { bundle_endpoint_url })),
      { trust_domain: "bad.test", bundle_endpoint_url: "https://a.test" },
      spiffe("bad.test", ""),
      spiffe("bad.test", "https://bad.test"),
      web("BAD"),
      web(""),
      web("bad.test", { trust_domain_bundle: bundleOf("other.test") }),
      web("bad.test", {
        trust_domain_bundle: { trust_domain: "bad.test", x509_authorities: [{ asn1: Buffer.from("x") }] },
      }),
    ];
    const answer = await create(...bad);
    assert.deepEqual(
      codes(answer),
      bad.map(() => 3),
    );
    assert.doesNotMatch(JSON.stringify(answer), /secret/);
    await assert.rejects(get("bad.test"), { code: "ERR_FEDERATION_NOT_FOUND", status: "notFound" });
    assert.deepEqual(codes(await create(web("bad.test", { bundle_endpoint_url: "HTTPS://a.test:8443/x?y=1" }))), [0]);
    assert.equal((await get("bad.test")).bundle_endpoint_url, "https://a.test:8443/x?y=1");
  });

  it("are updated by the fields that the mask names, all without one, and not made", async () => {
    await create(web("update.test", { trust_domain_bundle: bundleOf("update.test") }));
    const { trust_domain_bundle: bundle } = await get("update.test");
    const next = { ...spiffe("update.test", "spiffe://update.test/e"), bundle_endpoint_url: "https://next.test/" };
    assert.deepEqual(
      codes(await update({ ...next, bundle_endpoint_url: "http://no" }, { bundle_endpoint_profile: true })),
      [0],
    );
    let now = await get("update.test");
    assert.deepEqual(
      [now.bundle_endpoint_url, now.bundle_endpoint_profile],
      ["https://update.test/bundle", "https_spiffe"],
    );
    assert.deepEqual(
      codes(
        await update(
          { trust_domain: "update.test", bundle_endpoint_url: "https://new.test" },
          { bundle_endpoint_url: true },
        ),
      ),
      [0],
    );
    now = await get("update.test");
    assert.deepEqual([now.bundle_endpoint_url, now.bundle_endpoint_profile], ["https://new.test", "https_spiffe"]);
    assert.deepEqual(codes(await update({ trust_domain: "update.test" })), [3]);
    assert.deepEqual(codes(await update(web("update.test"))), [0]);
    now = await get("update.test");
    assert.deepEqual(
      [now.bundle_endpoint_profile, now.trust_domain_bundle],
      ["https_web", bundle],
      "no bundle given: it stays",
    );
    const { results } = await update(
      { trust_domain: "update.test", trust_domain_bundle: bundleOf("update.test") },
      { trust_domain_bundle: true },
    );
    assert.notDeepEqual(results[0]?.federation_relationship?.trust_domain_bundle, bundle);
    assert.deepEqual(codes(await update(web("none.test"))), [5]);
    assert.deepEqual(codes(await update(web("example.org"))), [3]);
  });

  it("are shown by the fields that the mask names", async () => {
    await create(web("masked.test", { trust_domain_bundle: bundleOf("masked.test") }));
    const fields = ["bundle_endpoint_url", "bundle_endpoint_profile", "trust_domain_bundle"] as const;
    for (const field of fields) {
      const shown = await world.admin.unary(trustDomainService.GetFederationRelationship, {
        trust_domain: "masked.test",
        output_mask: { [field]: true },
      });
      assert.equal(shown.trust_domain, "masked.test");
      for (const other of fields) assert.equal(Boolean(shown[other]), other === field, `${field}: ${other}`);
    }
  });

  it("are listed in pages by name; a token of another list or that was tampered with is refused", async () => {
    await create(web("p.b.test"), web("p.a.test"));
    const list = (page_size: number, page_token = "") =>
      world.admin.unary(trustDomainService.ListFederationRelationships, { page_size, page_token });
    const { federation_relationships: all, next_page_token } = await list(0);
    const names = all.map(({ trust_domain }) => trust_domain);
    assert.equal(next_page_token, "");
    assert.deepEqual(names, [...names].sort());
    const first = await list(1);
    assert.deepEqual(first.federation_relationships, all.slice(0, 1));
    const rest = await list(100, first.next_page_token);
    assert.deepEqual(rest.federation_relationships, all.slice(1));
    await assert.rejects(list(1, `${first.next_page_token}A`), { code: "ERR_PAGE_TOKEN" });
    const foreign = { page_size: 1, page_token: first.next_page_token };
    await assert.rejects(world.admin.unary(bundleService.ListFederatedBundles, foreign), { code: "ERR_PAGE_TOKEN" });
  });

  it("are deleted once, and their bundle stays", async () => {
    await create(web("gone.test", { trust_domain_bundle: bundleOf("gone.test") }));
    const trust_domains = ["gone.test", "gone.test", "", "Bad", "example.org"];
    const answer = await world.admin.unary(trustDomainService.BatchDeleteFederationRelationship, { trust_domains });
    assert.deepEqual(codes(answer), [0, 5, 3, 3, 3]);
    assert.deepEqual(
      answer.results.map(({ trust_domain }) => trust_domain),
      trust_domains,
    );
    await assert.rejects(get("gone.test"), { code: "ERR_FEDERATION_NOT_FOUND" });
    const bundle = await world.admin.unary(bundleService.GetFederatedBundle, { trust_domain: "gone.test" });
    assert.equal(bundle.trust_domain, "gone.test");
  });

  it("say that nothing is fetched yet: Unimplemented for one that is known, NotFound for one that is not", async () => {
    await create(web("fetched.test"));
    const refresh = (trust_domain: string) => world.admin.unary(trustDomainService.RefreshBundle, { trust_domain });
    await assert.rejects(refresh("fetched.test"), { code: "ERR_FEDERATION_NOT_FETCHED", status: "unimplemented" });
    await assert.rejects(refresh("nobody.test"), {
      code: "ERR_FEDERATION_NOT_FOUND",
      status: "notFound",
      message: 'no relationship with trust domain "nobody.test"',
    });
    await assert.rejects(refresh("Bad"), { status: "invalidArgument" });
  });
});
