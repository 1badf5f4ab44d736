import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { test } from "node:test";
import { Certificate } from "../../certs/index.ts";
import { TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { eventually, ownDomain, WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";
import { dialUnix } from "../../transport/index.ts";

const lifetime = { notBeforeMs: Date.UTC(2025, 0, 1), notAfterMs: Date.UTC(2030, 0, 1) };
const b = TrustDomain.parse("b.test");
const c = TrustDomain.parse("c.test");

test("WAPI-13 WAPI-12 WAPI-24 P-19: the first message comes at once, on every stream and every connection, changed or not", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const first = await world.watchX509().next();
  const second = await world.watchX509().next();
  const channel = dialUnix({ path: world.path });
  context.after(() => channel.close());
  const reconnected = await world.watchX509({ channel }).next();
  assert.deepEqual(second, first);
  assert.deepEqual(reconnected, first);
  assert.equal(first.svids.length, 1);
});

test("WAPI-28 WAPI-34 WAPI-35 WAPI-36: all fields are there: DER chain leaf first, PKCS#8 key of the leaf, DER bundle", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const [svid] = (await world.watchX509().next()).svids;
  assert.equal(svid?.spiffe_id, "spiffe://a.test/web");
  const leaf = Certificate.parse(svid.x509_svid);
  assert.deepEqual(leaf.uriSans, ["spiffe://a.test/web"]);
  const key = createPrivateKey({ key: svid.x509_svid_key, format: "der", type: "pkcs8" });
  assert.equal(createPublicKey(key).equals(leaf.publicKey()), true);
  assert.equal(Certificate.parse(svid.bundle).equals(world.authority.certificate), true);
  const bundles = { get: () => world.authority.bundle() };
  const verified = verifyX509Svid({ chain: [svid.x509_svid], bundles, atMs: world.clock.now(), usage: "client" });
  assert.equal(verified.id.toString(), "spiffe://a.test/web");
});

test("WAPI-10 WAPI-11 P-19: one of two identities rotates, the next message has both", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.put(
    { entryId: "1", path: "/x", selectors: ["unix:uid:1000"] },
    { entryId: "2", path: "/y", selectors: ["unix:uid:1000"] },
  );
  const reader = world.watchX509();
  const before = await reader.next();
  world.identities.rotate("2");
  const after = await reader.next();
  assert.deepEqual(
    after.svids.map(({ spiffe_id }) => spiffe_id),
    ["spiffe://a.test/x", "spiffe://a.test/y"],
  );
  assert.deepEqual(after.svids[0], before.svids[0]);
  assert.notDeepEqual(after.svids[1], before.svids[1]);
});

test("WAPI-93 WAPI-26: the order of entries is the order of svids, in every message; the first is the default", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const names = ["/e", "/b", "/d", "/a", "/c"];
  world.identities.put(...names.map((path) => ({ entryId: path, path, selectors: ["unix:uid:1000"] })));
  const reader = world.watchX509();
  const expected = names.map((path) => `spiffe://a.test${path}`);
  for (let round = 0; round < 3; round += 1) {
    const { svids } = await reader.next();
    assert.deepEqual(
      svids.map(({ spiffe_id }) => spiffe_id),
      expected,
    );
    world.identities.rotate("/a");
  }
});

test("WAPI-29 P-22: of two entries with one hint only the older is served; empty hints do not collide", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const selectors = ["unix:uid:1000"];
  world.identities.put(
    { entryId: "1", path: "/old", selectors, hint: "internal" },
    { entryId: "2", path: "/new", selectors, hint: "internal" },
    { entryId: "3", path: "/plain", selectors },
    { entryId: "4", path: "/plain-too", selectors },
  );
  const { svids } = await world.watchX509().next();
  assert.deepEqual(
    svids.map(({ spiffe_id, hint }) => [spiffe_id, hint]),
    [
      ["spiffe://a.test/old", "internal"],
      ["spiffe://a.test/plain", ""],
      ["spiffe://a.test/plain-too", ""],
    ],
  );
});

test("WAPI-95: a hint of 1024 bytes is carried unchanged", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const hint = "é".repeat(512);
  world.putWeb({ hint });
  assert.equal((await world.watchX509().next()).svids[0]?.hint, hint);
});

test("WAPI-20 WAPI-37 P-11: federated_bundles has foreign trust domains only, keyed by their SPIFFE ID", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const foreign = new TestAuthority(b, lifetime);
  world.identities.setForeignBundle(foreign.bundle());
  world.identities.setForeignBundle(new TestAuthority(c, lifetime).bundle());
  // An entry that federates with its own trust domain makes that no foreign one.
  world.identities.setForeignBundle(world.authority.bundle());
  const selectors = ["unix:uid:1000"];
  world.identities.put({ entryId: "1", path: "/x", selectors, federatesWith: [b, ownDomain] });
  const { federated_bundles } = await world.watchX509().next();
  assert.deepEqual(Object.keys(federated_bundles), ["spiffe://b.test"]);
  assert.equal(
    Certificate.parse(federated_bundles["spiffe://b.test"] ?? Buffer.alloc(0)).equals(foreign.certificate),
    true,
  );
});

test("WAPI-10 P-20: a federated bundle that goes is missing from the next message", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.setForeignBundle(new TestAuthority(b, lifetime).bundle());
  world.identities.put({ entryId: "1", path: "/x", selectors: ["unix:uid:1000"], federatesWith: [b] });
  const reader = world.watchX509();
  assert.deepEqual(Object.keys((await reader.next()).federated_bundles), ["spiffe://b.test"]);
  world.identities.removeForeignBundle(b);
  assert.deepEqual((await reader.next()).federated_bundles, {});
});

test("P-10: a federated bundle without X.509 authorities is left out, never zero bytes", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.setForeignBundle(new TestAuthority(b, lifetime).bundle({ x509: false }));
  world.identities.setForeignBundle(new TestAuthority(c, lifetime).bundle());
  world.identities.put({ entryId: "1", path: "/x", selectors: ["unix:uid:1000"], federatesWith: [b, c] });
  const { federated_bundles } = await world.watchX509().next();
  assert.deepEqual(Object.keys(federated_bundles), ["spiffe://c.test"]);
});

test("WAPI-36: several authorities of one trust domain are their DER one after another", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const next = new TestAuthority(ownDomain, lifetime);
  world.identities.setOwnBundle(world.authority.bundle({ others: [next] }));
  world.putWeb();
  const [svid] = (await world.watchX509().next()).svids;
  const expected = Buffer.concat([world.authority.certificate.der, next.certificate.der]);
  assert.equal(Buffer.compare(svid?.bundle ?? Buffer.alloc(0), expected), 0);
});

test("WAPI-28: without an own authority nothing is sent, and Unavailable says why", async (context) => {
  const world = await WorkloadApiWorld.start(context, { holdCurrentMs: 0, holdBehindMs: 0 });
  world.identities.setOwnBundle(world.authority.bundle({ x509: false }));
  world.putWeb();
  await assert.rejects(world.watchX509().next(), { code: "ERR_BUNDLE_MISSING", status: "unavailable" });
});

test("WEP-28 WAPI-31: no identity is PermissionDenied with code, fix and request id, and names no selector", async (context) => {
  const world = await WorkloadApiWorld.start(context, { holdCurrentMs: 0, holdBehindMs: 0 });
  world.identities.put({ entryId: "other", path: "/other", selectors: ["unix:uid:2000"] });
  await assert.rejects(world.watchX509().next(), (error: unknown) => {
    assert.ok(error instanceof Error && "code" in error && "fix" in error && "details" in error && "status" in error);
    assert.equal(error.code, "ERR_NO_IDENTITY");
    assert.equal(error.status, "permissionDenied");
    assert.equal(error.message, "no identity issued");
    assert.notEqual(error.fix, "");
    assert.match(JSON.stringify(error.details), /request_id/);
    assert.doesNotMatch(JSON.stringify(error), /uid:|2000/);
    return true;
  });
});

test("WAPI-31 P-20: when the last identity goes the open stream ends with PermissionDenied, never with OK or an empty list", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const selectors = ["unix:uid:1000"];
  world.identities.put({ entryId: "1", path: "/x", selectors }, { entryId: "2", path: "/y", selectors });
  const reader = world.watchX509();
  await reader.next();
  world.identities.remove("1");
  assert.equal((await reader.next()).svids.length, 1);
  world.identities.remove("2");
  await assert.rejects(reader.next(), { code: "ERR_NO_IDENTITY", status: "permissionDenied" });
  await eventually(() => world.api.calls === 0);
});

test("an entry without a valid SVID is Unavailable, not a denial; and an open stream waits for the next SVID", async (context) => {
  const world = await WorkloadApiWorld.start(context, { holdCurrentMs: 0, holdBehindMs: 0 });
  const entry = { entryId: "1", path: "/x", selectors: ["unix:uid:1000"] };
  world.identities.put({ ...entry, withheld: "ERR_SVID_PENDING" });
  await assert.rejects(world.watchX509().next(), { code: "ERR_IDENTITY_WITHHELD", status: "unavailable" });
  world.identities.put(entry);
  const reader = world.watchX509();
  await reader.next();
  world.identities.put({ ...entry, withheld: "ERR_SVID_EXPIRED" });
  const pending = reader.next();
  await world.clock.advance(60_000);
  assert.equal(world.api.calls, 1);
  world.identities.put(entry);
  assert.equal((await pending).svids.length, 1);
});

test("a view that changes nothing for the caller sends nothing", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const reader = world.watchX509();
  const first = await reader.next();
  world.identities.setCurrent(false);
  world.identities.setCurrent(true);
  world.identities.put({ entryId: "other", path: "/other", selectors: ["unix:uid:2000"] });
  await eventually(() => world.attestation.asked >= 2);
  world.identities.rotate("web");
  assert.notDeepEqual(await reader.next(), first);
});
