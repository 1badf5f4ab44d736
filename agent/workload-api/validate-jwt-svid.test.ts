import assert from "node:assert/strict";
import { test } from "node:test";
import { TrustDomain } from "../../spiffe/index.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { ownDomain, WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";

const lifetime = { notBeforeMs: Date.UTC(2025, 0, 1), notAfterMs: Date.UTC(2030, 0, 1) };
const b = TrustDomain.parse("b.test");
const selectors = ["unix:uid:1000"];

const now = (world: WorkloadApiWorld): number => Math.floor(world.clock.now() / 1_000);

function claims(world: WorkloadApiWorld, parts: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { sub: "spiffe://a.test/web", aud: ["reports"], exp: now(world) + 300, iat: now(world), ...parts };
}

test("WAPI-64 WAPI-65 WAPI-66 P-21: a valid token yields its subject and its claims", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const exp = now(world) + 300;
  const token = world.authority.jws(
    claims(world, { iss: "https://issuer", team: { name: "x", size: 3, up: true, none: null } }),
  );
  const { spiffe_id, claims: found } = await world.validateJwt("reports", token);
  assert.equal(spiffe_id, "spiffe://a.test/web");
  assert.equal(found?.fields["sub"]?.stringValue, "spiffe://a.test/web");
  assert.equal(found?.fields["exp"]?.numberValue, exp);
  assert.equal(found?.fields["iss"]?.stringValue, "https://issuer");
  const team = found?.fields["team"]?.structValue?.fields;
  assert.equal(team?.["name"]?.stringValue, "x");
  assert.equal(team?.["size"]?.numberValue, 3);
  assert.equal(team?.["up"]?.boolValue, true);
  assert.equal(team?.["none"]?.kind, "nullValue");
});

test("claims.aud is always a list, also when the token has a string", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const { claims: found } = await world.validateJwt("reports", world.authority.jws(claims(world, { aud: "reports" })));
  assert.deepEqual(
    found?.fields["aud"]?.listValue?.values.map(({ stringValue }) => stringValue),
    ["reports"],
  );
});

test("P-12: the audience matches exactly or the token is refused", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  for (const aud of ["reports", ["reports"], ["x", "reports"]]) {
    await assert.doesNotReject(world.validateJwt("reports", world.authority.jws(claims(world, { aud }))));
  }
  for (const aud of [["Reports"], ["reports "], ["reports-v2"], "x reports", [], "", null, 5, undefined]) {
    const refused = world.validateJwt("reports", world.authority.jws(claims(world, { aud })));
    await assert.rejects(refused, { code: "ERR_JWT_SVID_INVALID", status: "invalidArgument" }, JSON.stringify(aud));
  }
});

test("WAPI-18 WAPI-68 P-21: without audience or token the call is InvalidArgument", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const token = world.authority.jws(claims(world));
  await assert.rejects(world.validateJwt("", token), { code: "ERR_AUDIENCE_REQUIRED", status: "invalidArgument" });
  await assert.rejects(world.validateJwt("reports", ""), { code: "ERR_SVID_REQUIRED", status: "invalidArgument" });
});

test("Q-14 WAPI-64: expired, forged, malformed and wrongly signed tokens are InvalidArgument and say which check failed", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const impostor = new TestAuthority(ownDomain, lifetime);
  const valid = world.authority.jws(claims(world));
  const header = { alg: "ES256", kid: world.authority.jwtKeyId, typ: "JWT" };
  const refused: readonly (readonly [string, string])[] = [
    ["ERR_JWT_SVID_EXPIRED", world.authority.jws(claims(world, { exp: now(world) - 60 }))],
    ["ERR_JWT_SVID_CLAIM", world.authority.jws(claims(world, { exp: undefined }))],
    ["ERR_JWT_SVID_SUBJECT", world.authority.jws(claims(world, { sub: "web" }))],
    ["ERR_JWT_SVID_KEY_UNKNOWN", impostor.jws(claims(world))],
    ["ERR_JWT_SVID_SIGNATURE", impostor.jws(claims(world), header)],
    ["ERR_JWT_SVID_ALGORITHM", world.authority.jws(claims(world), { ...header, alg: "none" })],
    ["ERR_JWT_SVID_ALGORITHM", world.authority.jws(claims(world), { ...header, alg: "HS256" })],
    ["ERR_JWT_SVID_FORMAT", "not a token"],
    ["ERR_JWT_SVID_FORMAT", `${valid}.x`],
    ["ERR_JWT_SVID_TOO_LONG", `${valid}${"A".repeat(100_000)}`],
  ];
  await assert.doesNotReject(world.validateJwt("reports", valid));
  for (const [check, token] of refused) {
    await assert.rejects(world.validateJwt("reports", token), (error: unknown) => {
      assert.ok(error instanceof Error && "code" in error && "status" in error && "details" in error);
      assert.equal(error.code, "ERR_JWT_SVID_INVALID", check);
      assert.equal(error.status, "invalidArgument");
      assert.ok(JSON.stringify(error.details).includes(check), `${check} in ${JSON.stringify(error.details)}`);
      return true;
    });
  }
});

test("WAPI-71 WAPI-72 P-21: a foreign token needs the bundle of its own trust domain, among those this caller federates with", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const foreign = new TestAuthority(b, lifetime);
  const token = foreign.jws({ ...claims(world), sub: "spiffe://b.test/peer" });
  world.putWeb();
  await assert.rejects(world.validateJwt("reports", token), { code: "ERR_JWT_SVID_INVALID" });
  world.identities.setForeignBundle(foreign.bundle());
  await assert.rejects(world.validateJwt("reports", token), { code: "ERR_JWT_SVID_INVALID" }, "not federated with");
  world.identities.put({ entryId: "web", path: "/web", selectors, federatesWith: [b] });
  assert.equal((await world.validateJwt("reports", token)).spiffe_id, "spiffe://b.test/peer");
});

test("WAPI-71: a foreign authority cannot vouch for our trust domain, nor ours for a foreign one", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const foreign = new TestAuthority(b, lifetime);
  world.identities.setForeignBundle(foreign.bundle());
  world.identities.put({ entryId: "web", path: "/web", selectors, federatesWith: [b] });
  await assert.rejects(world.validateJwt("reports", foreign.jws(claims(world))), { code: "ERR_JWT_SVID_INVALID" });
  const ours = world.authority.jws(claims(world, { sub: "spiffe://b.test/peer" }));
  await assert.rejects(world.validateJwt("reports", ours), { code: "ERR_JWT_SVID_INVALID" });
});

test("WAPI-66 WAPI-67: of a foreign token only sub, exp, aud and the allowed claims are passed on", async (context) => {
  const world = await WorkloadApiWorld.start(context, { allowedForeignJwtClaims: ["role"] });
  const foreign = new TestAuthority(b, lifetime);
  world.identities.setForeignBundle(foreign.bundle());
  world.identities.put({ entryId: "web", path: "/web", selectors, federatesWith: [b] });
  const extra = { sub: "spiffe://b.test/peer", role: "reader", admin: true, iss: "x" };
  const token = foreign.jws(claims(world, extra));
  const { claims: found } = await world.validateJwt("reports", token);
  assert.deepEqual(Object.keys(found?.fields ?? {}).sort(), ["aud", "exp", "role", "sub"]);
  const own = world.authority.jws(claims(world, { ...extra, sub: "spiffe://a.test/web" }));
  const all = (await world.validateJwt("reports", own)).claims;
  assert.deepEqual(Object.keys(all?.fields ?? {}).sort(), ["admin", "aud", "exp", "iat", "iss", "role", "sub"]);
});

test("claims nested deeper than clients can decode are refused, not passed on", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const nested = (depth: number): unknown => (depth === 0 ? "end" : [nested(depth - 1)]);
  await assert.doesNotReject(world.validateJwt("reports", world.authority.jws(claims(world, { deep: nested(20) }))));
  const token = world.authority.jws(claims(world, { deep: nested(40) }));
  await assert.rejects(world.validateJwt("reports", token), { code: "ERR_JWT_SVID_INVALID" });
});

test("numbers are doubles: integers beyond 2^53 lose digits, __proto__ is a claim like any other", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const payload = JSON.stringify(claims(world)).replace("{", '{"big":9007199254740993,"__proto__":"mine",');
  const encode = (text: string): string => Buffer.from(text).toString("base64url");
  const header = JSON.stringify({ alg: "ES256", kid: world.authority.jwtKeyId, typ: "JWT" });
  const token = world.authority.signJws(`${encode(header)}.${encode(payload)}`);
  const { claims: found } = await world.validateJwt("reports", token);
  assert.equal(found?.fields["big"]?.numberValue, 9007199254740992);
});

test("a caller without identity may validate tokens of the own trust domain", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  await assert.doesNotReject(world.validateJwt("reports", world.authority.jws(claims(world))));
});
