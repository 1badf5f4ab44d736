import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpiffeId, TrustDomain, verifyJwtSvid } from "../../spiffe/index.ts";
import { AuthorityWorld, day, hour, testTrustDomain } from "../../test/fakes/authority-world.ts";
import { RemoteKeyManager } from "../../test/fakes/remote-key-manager.ts";
import { issuanceLimits } from "./limits.ts";
import type { JwtIssueRequest } from "./ports.ts";

function request(changes: Partial<JwtIssueRequest> = {}): JwtIssueRequest {
  const id = SpiffeId.of(testTrustDomain, "/ns/default/web");
  return { id, audience: ["db"], ttl: 0, notAfterCap: 0, hint: "h", includeJti: false, ...changes };
}

function decoded(token: string): { readonly header: unknown; readonly claims: Readonly<Record<string, unknown>> } {
  const [header = "", payload = ""] = token.split(".");
  const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
  return { header: read(header), claims: read(payload) };
}

describe("issueJwtSvid()", () => {
  for (const [jwtKeyType, alg] of [
    ["ec-p256", "ES256"],
    ["ec-p384", "ES384"],
    ["rsa-2048", "RS256"],
  ] as const) {
    it(`signs ${alg} with a key of ${jwtKeyType}, verifiable under the bundle`, async () => {
      const world = new AuthorityWorld();
      world.options = { ...world.options, jwtKeyType };
      const authorities = await world.start();
      const issuance = world.issuance(authorities);
      for (let round = 0; round < 20; round += 1) {
        const svid = await issuance.issueJwtSvid(request());
        const { header } = decoded(svid.token);
        assert.deepEqual(header, { alg, kid: authorities.jwtIssuer().authorityId, typ: "JWT" });
        const verified = verifyJwtSvid({
          token: svid.token,
          audience: "db",
          bundles: { get: () => authorities.bundle },
          atMs: world.clock.now(),
        });
        assert.equal(verified.id.toString(), "spiffe://example.org/ns/default/web");
      }
    });
  }

  it("says who, for whom and until when, and nothing more", async () => {
    const world = new AuthorityWorld();
    const issuance = world.issuance(await world.start());
    const svid = await issuance.issueJwtSvid(request({ audience: ["", "db", "", "cache"] }));
    assert.deepEqual(decoded(svid.token).claims, {
      sub: "spiffe://example.org/ns/default/web",
      aud: ["db", "cache"],
      iat: world.nowSeconds,
      exp: world.nowSeconds + 300,
    });
    assert.deepEqual([svid.issuedAt, svid.expiresAt, svid.hint], [world.nowSeconds, world.nowSeconds + 300, "h"]);
  });

  it("adds an issuer when configured and a fresh jti when asked", async () => {
    const world = new AuthorityWorld();
    const issuance = world.issuance(await world.start(), { jwt: { defaultTtl: 60, issuer: "https://oidc.example" } });
    const first = decoded((await issuance.issueJwtSvid(request({ includeJti: true }))).token).claims;
    const second = decoded((await issuance.issueJwtSvid(request({ includeJti: true }))).token).claims;
    assert.equal(first["iss"], "https://oidc.example");
    assert.match(String(first["jti"]), /^[A-Za-z0-9_-]{22}$/);
    assert.notEqual(first["jti"], second["jti"]);
  });

  const { audiences, audienceBytes } = issuanceLimits;
  const refused: readonly [string, readonly string[]][] = [
    ["no audience", []],
    ["only empty audiences", ["", ""]],
    ["too many audiences", new Array(audiences.value + 1).fill("a")],
    ["too long an audience", ["a".repeat(audienceBytes.value + 1)]],
  ];
  for (const [name, audience] of refused) {
    it(`refuses ${name}`, async () => {
      const world = new AuthorityWorld();
      const issuance = world.issuance(await world.start());
      await assert.rejects(issuance.issueJwtSvid(request({ audience })), { code: "ERR_SVID_AUDIENCE" });
    });
  }

  it("accepts audiences at the limits", async () => {
    const world = new AuthorityWorld();
    const issuance = world.issuance(await world.start());
    await issuance.issueJwtSvid(request({ audience: new Array(audiences.value).fill("a") }));
    await issuance.issueJwtSvid(request({ audience: ["a".repeat(audienceBytes.value)] }));
  });

  it("refuses ids of another trust domain and reserved ones", async () => {
    const world = new AuthorityWorld();
    const issuance = world.issuance(await world.start());
    for (const id of [
      SpiffeId.of(TrustDomain.parse("example.com"), "/a"),
      SpiffeId.of(testTrustDomain, ""),
      SpiffeId.of(testTrustDomain, "/spire/server"),
    ]) {
      await assert.rejects(issuance.issueJwtSvid(request({ id })), { code: "ERR_SVID_ID_REFUSED" });
    }
  });

  it("ends no token after its key, its entry or the configured maximum", async () => {
    const world = new AuthorityWorld();
    const authorities = await world.start();
    const issuance = world.issuance(authorities, { maxSvidTtl: 2 * hour });
    const expiryOf = async (changes: Partial<JwtIssueRequest>) =>
      (await issuance.issueJwtSvid(request(changes))).expiresAt - world.nowSeconds;
    assert.equal(await expiryOf({ ttl: 30 }), 30);
    assert.equal(await expiryOf({ ttl: day }), 2 * hour);
    assert.equal(await expiryOf({ notAfterCap: world.nowSeconds + 7 }), 7);
    await world.clock.advance(day * 1000 - 5000);
    assert.equal(await expiryOf({}), 5);
    await world.clock.advance(5000);
    await assert.rejects(issuance.issueJwtSvid(request()), { code: "ERR_SVID_LIFETIME" });
  });

  it("refuses when JWT-SVIDs are off", async () => {
    const world = new AuthorityWorld();
    world.options = { ...world.options, jwtKeyType: undefined };
    const issuance = world.issuance(await world.start());
    await assert.rejects(issuance.issueJwtSvid(request()), { code: "ERR_JWT_DISABLED" });
  });

  it("works with a key that is remote", async () => {
    const world = new AuthorityWorld();
    world.keyManager = new RemoteKeyManager();
    const authorities = await world.start();
    const { token } = await world.issuance(authorities).issueJwtSvid(request());
    verifyJwtSvid({ token, audience: "db", bundles: { get: () => authorities.bundle }, atMs: world.clock.now() });
  });
});
