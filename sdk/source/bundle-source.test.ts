import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jwtVerify } from "jose";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { timeOutOnceRefused } from "../../test/fakes/time-out-once-refused.ts";
import { BundleSource, jwtKeySet, SpiffeId, TrustDomain } from "../index.ts";

const nowSeconds = Math.floor(Date.now() / 1000);
const lifetime = { notBeforeMs: Date.now() - 10_000, notAfterMs: Date.now() + 3_600_000 };
const one = new TestAuthority(TrustDomain.parse("one.test"), lifetime);
const two = new TestAuthority(TrustDomain.parse("two.test"), lifetime);
const web = SpiffeId.parse("spiffe://one.test/web");

function changed(source: BundleSource): Promise<void> {
  return new Promise((resolve) => {
    const stop = source.onChange(() => {
      stop();
      resolve();
    });
  });
}

async function until(isTrue: () => boolean, source: BundleSource): Promise<void> {
  while (!isTrue()) await changed(source);
}

describe("BundleSource", () => {
  it("waits for both kinds, has the newest, and trusts nobody once it is denied", async () => {
    await using api = await FakeWorkloadApi.start();
    const opening = BundleSource.open({ endpoint: api.endpoint });
    api.updateBundles([one.bundle()]);
    await using source = await opening;
    assert.equal(source.get(one.trustDomain)?.x509Authorities.length, 1);
    assert.equal(source.get(one.trustDomain)?.jwtAuthorities.length, 1);
    assert.equal(source.get(two.trustDomain), undefined);
    assert.equal(source.health.isConnected, true);
    api.updateBundles([one.bundle(), two.bundle()]);
    await until(() => (source.get(two.trustDomain)?.jwtAuthorities.length ?? 0) > 0, source);
    api.updateBundles("denied");
    await until(() => source.bundles.size === 0, source);
    assert.equal(source.health.lastProblem?.code, "ERR_WORKLOAD_API_DENIED");
    const token = one.jwtSvid(web, ["db"], nowSeconds, nowSeconds + 60);
    assert.throws(() => source.validateJwtSvid(token, { audience: "db" }), { code: "ERR_TRUST_DOMAIN_NOT_TRUSTED" });
  });

  it("names the kind that did not come", async () => {
    await using api = await FakeWorkloadApi.start();
    api.updateBundles("denied");
    await assert.rejects(
      BundleSource.open({ endpoint: api.endpoint, kinds: ["jwt"], ...timeOutOnceRefused() }),
      (error) => {
        assert.ok(error instanceof Error && error.cause instanceof Error);
        assert.match(error.message, /no JWT bundle came within 30000 ms/);
        assert.match(error.cause.message, /no identity issued/);
        return true;
      },
    );
  });

  it("verifies JWT-SVIDs by itself, for an exact audience and by the own trust domain's keys", async () => {
    await using api = await FakeWorkloadApi.start();
    api.updateBundles([one.bundle(), two.bundle()]);
    const source = await BundleSource.open({ endpoint: api.endpoint, kinds: ["jwt"] });
    const token = one.jwtSvid(web, ["db"], nowSeconds, nowSeconds + 60);
    assert.equal(source.validateJwtSvid(token, { audience: ["other", "db"] }).id.toString(), web.toString());
    assert.equal(source.get(one.trustDomain)?.x509Authorities.length, 0);
    const refuses = (bad: string, code: string, audience: string | readonly string[] = "db"): void =>
      assert.throws(() => source.validateJwtSvid(bad, { audience }), { code });
    refuses(token, "ERR_JWT_SVID_WRONG_AUDIENCE", "DB");
    refuses(token, "ERR_JWT_SVID_WRONG_AUDIENCE", "db/");
    refuses(token, "ERR_JWT_SVID_EXPECTED_AUDIENCE", []);
    refuses(one.jwtSvid(web, ["db"], nowSeconds - 120, nowSeconds - 60), "ERR_JWT_SVID_EXPIRED");
    refuses(two.jwtSvid(web, ["db"], nowSeconds, nowSeconds + 60), "ERR_JWT_SVID_KEY_UNKNOWN");
    await source.close();
    refuses(token, "ERR_SOURCE_CLOSED");
  });
});

describe("jwtKeySet()", () => {
  it("gives jose the key of the token's own trust domain, and no other", async () => {
    await using api = await FakeWorkloadApi.start();
    api.updateBundles([one.bundle(), two.bundle()]);
    await using source = await BundleSource.open({ endpoint: api.endpoint });
    const verify = (token: string, trustDomain?: TrustDomain) =>
      jwtVerify(token, jwtKeySet(source, trustDomain), { audience: "db" });
    const token = one.jwtSvid(web, ["db"], nowSeconds, nowSeconds + 60);
    assert.equal((await verify(token)).payload.sub, web.toString());
    assert.equal((await verify(token, one.trustDomain)).payload.sub, web.toString());
    await assert.rejects(verify(token, two.trustDomain), { code: "ERR_TRUST_DOMAIN_NOT_TRUSTED" });
    const foreign = two.jws({ sub: web, aud: "db", exp: nowSeconds + 60 });
    await assert.rejects(verify(foreign), { code: "ERR_JWT_SVID_KEY_UNKNOWN" });
    const borrowed = two.jws({ sub: web, aud: "db", exp: nowSeconds + 60 }, { alg: "ES256", kid: one.jwtKeyId });
    await assert.rejects(verify(borrowed), { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
    const nameless = one.jws({ sub: web, aud: "db", exp: nowSeconds + 60 }, { alg: "ES256" });
    await assert.rejects(verify(nameless), { code: "ERR_JWT_SVID_KEY_UNKNOWN" });
  });
});
