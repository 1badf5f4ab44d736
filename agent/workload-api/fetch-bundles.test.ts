import assert from "node:assert/strict";
import { test } from "node:test";
import { Certificate } from "../../certs/index.ts";
import { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { eventually, ownDomain, WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";

const lifetime = { notBeforeMs: Date.UTC(2025, 0, 1), notAfterMs: Date.UTC(2030, 0, 1) };
const b = TrustDomain.parse("b.test");
const c = TrustDomain.parse("c.test");
const entry = { entryId: "1", path: "/x", selectors: ["unix:uid:1000"], federatesWith: [c, b] };
const noHold = { holdCurrentMs: 0, holdBehindMs: 0 };

test("WAPI-38 WAPI-40 WAPI-37: X.509 bundles of the own and of federated trust domains, by SPIFFE ID, nobody else's", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const foreign = new TestAuthority(b, lifetime);
  world.identities.setForeignBundle(foreign.bundle());
  world.identities.setForeignBundle(new TestAuthority(TrustDomain.parse("d.test"), lifetime).bundle());
  world.identities.put(entry);
  const { bundles, crl } = await world.watchX509Bundles().next();
  assert.deepEqual(Object.keys(bundles), ["spiffe://a.test", "spiffe://b.test"]);
  assert.equal(Certificate.parse(bundles["spiffe://b.test"] ?? Buffer.alloc(0)).equals(foreign.certificate), true);
  assert.deepEqual(crl, []);
});

test("WAPI-56 WAPI-58 WAPI-59 WAPI-60: JWT bundles are plain JWK Sets of signing keys, without use and SPIFFE members", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const foreign = new TestAuthority(b, lifetime);
  world.identities.setForeignBundle(foreign.bundle());
  world.identities.put(entry);
  const { bundles } = await world.watchJwtBundles().next();
  assert.deepEqual(Object.keys(bundles), ["spiffe://a.test", "spiffe://b.test"]);
  const document: unknown = JSON.parse((bundles["spiffe://b.test"] ?? Buffer.alloc(0)).toString());
  assert.ok(typeof document === "object" && document !== null && "keys" in document && Array.isArray(document.keys));
  assert.deepEqual(Object.keys(document), ["keys"]);
  assert.equal(document.keys.length, 1);
  assert.deepEqual(Object.keys(document.keys[0]).sort(), ["crv", "kid", "kty", "x", "y"]);
  const read = SpiffeBundle.parseWorkloadJwks(b, bundles["spiffe://b.test"] ?? "").bundle;
  assert.equal(read.jwtAuthority(foreign.jwtKeyId) !== undefined, true);
});

test("P-10: a foreign bundle without keys of the kind is left out; no value is ever zero bytes", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.setForeignBundle(new TestAuthority(b, lifetime).bundle({ x509: false }));
  world.identities.setForeignBundle(new TestAuthority(c, lifetime).bundle({ jwt: false }));
  world.identities.put(entry);
  const x509 = (await world.watchX509Bundles().next()).bundles;
  assert.deepEqual(Object.keys(x509), ["spiffe://a.test", "spiffe://c.test"]);
  const jwt = (await world.watchJwtBundles().next()).bundles;
  assert.deepEqual(Object.keys(jwt), ["spiffe://a.test", "spiffe://b.test"]);
  for (const value of [...Object.values(x509), ...Object.values(jwt)]) assert.notEqual(value.length, 0);
});

test("WAPI-58 P-20: an own trust domain without JWT keys is an empty key set, not an absent one", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.setOwnBundle(world.authority.bundle({ jwt: false }));
  world.identities.put(entry);
  const { bundles } = await world.watchJwtBundles().next();
  assert.equal(bundles["spiffe://a.test"]?.toString(), '{"keys":[]}');
});

test("WAPI-40: without an own X.509 authority there is no response", async (context) => {
  const world = await WorkloadApiWorld.start(context, noHold);
  world.identities.setOwnBundle(world.authority.bundle({ x509: false }));
  world.identities.put(entry);
  await assert.rejects(world.watchX509Bundles().next(), { code: "ERR_BUNDLE_MISSING", status: "unavailable" });
});

test("WAPI-11: a new authority is sent to both streams; SVID rotations are not, as they change no bundle", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.put(entry);
  const x509 = world.watchX509Bundles();
  const jwt = world.watchJwtBundles();
  await x509.next();
  await jwt.next();
  const asked = world.attestation.asked;
  world.identities.rotate();
  await eventually(() => world.attestation.asked >= asked + 2);
  const next = new TestAuthority(ownDomain, lifetime);
  world.identities.setOwnBundle(world.authority.bundle({ others: [next] }));
  const { bundles } = await x509.next();
  const both = Buffer.concat([world.authority.certificate.der, next.certificate.der]);
  assert.deepEqual(bundles["spiffe://a.test"], both);
  const keys = SpiffeBundle.parseWorkloadJwks(ownDomain, (await jwt.next()).bundles["spiffe://a.test"] ?? "");
  assert.equal(keys.bundle.jwtAuthorities.length, 2);
});

test("WAPI-42 WAPI-61: without an entry bundles are PermissionDenied, at the start and in mid-stream", async (context) => {
  const world = await WorkloadApiWorld.start(context, noHold);
  await assert.rejects(world.watchX509Bundles().next(), { code: "ERR_NO_IDENTITY", status: "permissionDenied" });
  await assert.rejects(world.watchJwtBundles().next(), { code: "ERR_NO_IDENTITY", status: "permissionDenied" });
  world.identities.put(entry);
  const x509 = world.watchX509Bundles();
  const jwt = world.watchJwtBundles();
  await x509.next();
  await jwt.next();
  world.identities.remove("1");
  await assert.rejects(x509.next(), { code: "ERR_NO_IDENTITY" });
  await assert.rejects(jwt.next(), { code: "ERR_NO_IDENTITY" });
});

test("allow_unauthenticated_verifiers: a caller without an entry gets the own bundles only, and their updates", async (context) => {
  const world = await WorkloadApiWorld.start(context, { allowUnauthenticatedVerifiers: true });
  world.identities.setForeignBundle(new TestAuthority(b, lifetime).bundle());
  world.identities.put({ ...entry, selectors: ["unix:uid:2000"] });
  const x509 = world.watchX509Bundles();
  assert.deepEqual(Object.keys((await x509.next()).bundles), ["spiffe://a.test"]);
  assert.deepEqual(Object.keys((await world.watchJwtBundles().next()).bundles), ["spiffe://a.test"]);
  world.identities.setOwnBundle(world.authority.bundle({ others: [new TestAuthority(ownDomain, lifetime)] }));
  assert.deepEqual(Object.keys((await x509.next()).bundles), ["spiffe://a.test"]);
});

test("allow_unauthenticated_verifiers gives bundles and nothing else", async (context) => {
  const world = await WorkloadApiWorld.start(context, { ...noHold, allowUnauthenticatedVerifiers: true });
  await assert.rejects(world.watchX509().next(), { code: "ERR_NO_IDENTITY" });
  await assert.rejects(world.fetchJwt(["s"]), { code: "ERR_NO_IDENTITY" });
});

test("a caller whose SVID is withheld still may verify its peers", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.put({ ...entry, withheld: "ERR_SVID_PENDING" });
  assert.deepEqual(Object.keys((await world.watchX509Bundles().next()).bundles), ["spiffe://a.test"]);
});
