import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import type { Certificate } from "../../certs/index.ts";
import { verifyX509Svid } from "../../spiffe/index.ts";
import { callUntyped } from "../../test/fakes/call-untyped.ts";
import { rawCall } from "../../test/fakes/raw-grpc.ts";
import { timeOutOnceRefused } from "../../test/fakes/time-out-once-refused.ts";
import { portOf } from "../../test/fakes/workload-side.ts";
import { BundleSource, createHttpsServer, id, JwtSource, peerOf, WorkloadApiClient, X509Source } from "../index.ts";
import { afterChange, TestClock, TestIssuer, TestWorkloadApi } from "./index.ts";

const serial = (source: X509Source): string => source.svid.leaf.serialNumber;
const paths = (source: X509Source): readonly string[] => source.svids.map((svid) => svid.id.path);

describe("TestWorkloadApi", () => {
  it("gives a program its identity, its tokens and its bundles in one line", async () => {
    await using api = await TestWorkloadApi.start({ trustDomain: "one.test", svids: ["/web"] });
    await using x509 = await X509Source.open({ endpoint: api.endpoint });
    await using jwt = await JwtSource.open({ endpoint: api.endpoint });
    await using bundles = await BundleSource.open({ endpoint: api.endpoint });
    await using client = WorkloadApiClient.create({ endpoint: api.endpoint });
    assert.equal(x509.svid.id.toString(), "spiffe://one.test/web");
    assert.deepEqual(api.env, { SPIFFE_ENDPOINT_SOCKET: api.endpoint });
    const { token } = await jwt.svid({ audience: ["db", "cache"] });
    assert.deepEqual(bundles.validateJwtSvid(token.reveal(), { audience: "cache" }).audience, ["cache", "db"]);
    const validated = await client.validateJwtSvid("db", token.reveal());
    assert.equal(validated.id.toString(), "spiffe://one.test/web");
    assert.deepEqual(validated.claims["aud"], ["cache", "db"]);
    await assert.rejects(client.validateJwtSvid("other", token.reveal()), { code: "ERR_WORKLOAD_API_INVALID" });
    await assert.rejects(jwt.svid({ audience: "db", spiffeId: "spiffe://one.test/other" }), {
      code: "ERR_WORKLOAD_API_DENIED",
      reason: "ERR_NOT_ENTITLED",
    });
    assert.equal(api.calls("FetchX509SVID"), 1);
  });

  it("rotates, expires, and gives other identities", async () => {
    await using api = await TestWorkloadApi.start();
    await using source = await X509Source.open({ endpoint: api.endpoint });
    assert.equal(source.svid.id.toString(), "spiffe://example.org/workload");
    const first = serial(source);
    await afterChange(source, () => api.rotate());
    assert.notEqual(serial(source), first);
    assert.equal(serial(source), api.svids[0]?.leaf.serialNumber);
    await afterChange(source, () => api.expire());
    assert.throws(() => source.svid, { code: "ERR_SOURCE_EXPIRED" });
    await afterChange(source, () => api.setSvids(["/a", { path: "/b", hint: "external", dnsNames: ["b.test"] }]));
    assert.deepEqual(paths(source), ["/a", "/b"]);
    assert.deepEqual(
      source.svids.map(({ hint }) => hint),
      ["", "external"],
    );
    assert.match(api.svids[1]?.leaf.publicKey() === undefined ? "" : String(source.svids[1]?.id), /\/b$/);
  });

  it("denies with a reason, refuses with any status, and takes both back", async () => {
    await using api = await TestWorkloadApi.start();
    await using source = await X509Source.open({ endpoint: api.endpoint });
    await afterChange(source, () => api.deny());
    assert.throws(() => source.svid, { code: "ERR_WORKLOAD_API_DENIED", reason: "ERR_NO_IDENTITY", grpcStatus: 7 });
    await afterChange(source, () => api.allow());
    assert.equal(source.svid.id.path, "/workload");
    api.deny({ reason: "ERR_NODE_BANNED", message: "the node is banned", fix: "ask why" });
    const opening = X509Source.open({ endpoint: api.endpoint, ...timeOutOnceRefused() });
    await assert.rejects(opening, (error: Error) => {
      assert.equal(Reflect.get(error, "code"), "ERR_SOURCE_TIMEOUT");
      const { code, reason, fix, message } = Object(error.cause);
      assert.deepEqual([code, reason, fix], ["ERR_WORKLOAD_API_DENIED", "ERR_NODE_BANNED", "ask why"]);
      assert.match(String(message), /the node is banned/);
      return true;
    });
    await afterChange(source, () => api.allow());
    await afterChange(source, () => api.setSvids([]));
    assert.throws(() => source.svid, { reason: "ERR_NO_IDENTITY" });
    api.refuse("invalidArgument");
    await assert.rejects(X509Source.open({ endpoint: api.endpoint }), { code: "ERR_WORKLOAD_API_INVALID" });
  });

  it("breaks connections, goes away, comes back at the same address", async () => {
    for (const listen of ["unix", "tcp"] as const) {
      await using api = await TestWorkloadApi.start({ listen });
      await using source = await X509Source.open({ endpoint: api.endpoint });
      const first = serial(source);
      const calls = api.calls("FetchX509SVID");
      await afterChange(source, () => {
        api.disconnect();
        api.rotate();
      });
      assert.equal(api.calls("FetchX509SVID"), calls + 1);
      assert.notEqual(serial(source), first);
      const { endpoint } = api;
      await api.stop();
      api.rotate();
      assert.equal(source.svid.id.path, "/workload");
      await afterChange(source, () => api.resume());
      assert.equal(api.endpoint, endpoint);
      assert.equal(serial(source), api.svids[0]?.leaf.serialNumber);
    }
  });

  it("refuses calls without the security header, and methods it does not serve", async () => {
    await using api = await TestWorkloadApi.start();
    const socket = api.endpoint.slice("unix://".length);
    const header = { "workload.spiffe.io": "true" };
    assert.equal((await rawCall(socket, "/SpiffeWorkloadAPI/FetchX509SVID", {})).status, 3);
    assert.equal((await rawCall(socket, "/SpiffeWorkloadAPI/FetchJWTSVID", { ...header })).status, 3);
    assert.equal((await rawCall(socket, "/SpiffeWorkloadAPI/FetchWITSVID", { ...header })).status, 12);
    assert.equal(api.calls("FetchX509SVID"), 0);
  });

  it("leaves no files, closes twice, and does not mind a second kit", async () => {
    await using other = await TestWorkloadApi.start({ trustDomain: "two.test" });
    const api = await TestWorkloadApi.start({ trustDomain: "one.test" });
    const folder = dirname(api.endpoint.slice("unix://".length));
    assert.ok(existsSync(folder));
    await using source = await X509Source.open({ endpoint: other.endpoint });
    await api.close();
    await api.close();
    assert.ok(!existsSync(folder));
    assert.equal(source.svid.id.toString(), "spiffe://two.test/workload");
  });

  it("lets the test's clock run ahead of the real one", async () => {
    const clock = new TestClock();
    await using api = await TestWorkloadApi.start({ clock, x509TtlMs: 120_000, jwtTtlMs: 60_000 });
    await using x509 = await X509Source.open({ endpoint: api.endpoint, clock });
    await using jwt = await JwtSource.open({ endpoint: api.endpoint, clock, audiences: ["db"] });
    const first = await jwt.svid({ audience: "db" });
    await afterChange(jwt, () => clock.advance(30_000));
    assert.ok((await jwt.svid({ audience: "db" })).expiresAt > first.expiresAt);
    await clock.advance(120_000);
    assert.throws(() => x509.svid, { code: "ERR_SOURCE_EXPIRED" });
    await afterChange(x509, () => api.rotate());
    assert.ok(x509.svid.notAfter > clock.now());
  });
});

describe("TestIssuer", () => {
  const clientOf = (api: TestWorkloadApi): Promise<X509Source> => X509Source.open({ endpoint: api.endpoint });

  async function serve(source: X509Source, peer: string): Promise<{ url: string } & AsyncDisposable> {
    const server = createHttpsServer(source, { authorize: id(peer) }, (message, response) => {
      response.end(`hello ${peerOf(message).id}`);
    });
    const url = `https://127.0.0.1:${await portOf(server)}/`;
    const close = async (): Promise<void> => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    };
    return { url, [Symbol.asyncDispose]: close };
  }

  it("makes two trust domains that trust each other exactly while they are federated", async () => {
    await using shop = await TestWorkloadApi.start({ trustDomain: "shop.test", svids: ["/web"] });
    await using bank = await TestWorkloadApi.start({
      trustDomain: "bank.test",
      svids: ["/pay"],
      federatesWith: [shop],
    });
    await using web = await clientOf(shop);
    await using pay = await clientOf(bank);
    const judge = (): string =>
      verifyX509Svid({ chain: pay.svid.chain, bundles: web, atMs: Date.now(), usage: "server" }).id.toString();
    assert.throws(judge, { code: "ERR_TRUST_DOMAIN_NOT_TRUSTED" });
    await afterChange(web, () => shop.federate(bank));
    assert.equal(judge(), "spiffe://bank.test/pay");
    // The other domain's next authority reaches this one at once, and what it signs is accepted.
    await afterChange(web, () => bank.issuer.rotateAuthority("x509"));
    await afterChange(pay, () => bank.rotate());
    await using server = await serve(pay, "spiffe://shop.test/web");
    const response = await web.fetch(server.url, { authorize: id("spiffe://bank.test/pay") });
    assert.equal(await response.text(), "hello spiffe://shop.test/web");
    await afterChange(web, () => shop.unfederate(bank.issuer));
    assert.throws(judge, { code: "ERR_TRUST_DOMAIN_NOT_TRUSTED" });
  });

  it("replaces X509-SVIDs of a tainted authority, and distrusts those of a revoked one", async () => {
    const issuer = TestIssuer.create("one.test");
    await using a = await TestWorkloadApi.start({ issuer, svids: ["/a"] });
    await using b = await TestWorkloadApi.start({ issuer, svids: ["/b"] });
    await using left = await clientOf(a);
    await using right = await clientOf(b);
    const authorities = (): number => left.get(issuer.trustDomain)?.x509Authorities.length ?? 0;
    const before = serial(left);
    await afterChange(left, () => issuer.rotateAuthority("x509"));
    assert.deepEqual([authorities(), serial(left) === before], [2, true]);
    await afterChange(left, () => issuer.taintAuthority("x509"));
    assert.deepEqual([authorities(), serial(left) === before], [3, false]);
    await afterChange(left, () => issuer.retireAuthorities("x509"));
    assert.equal(authorities(), 1);

    const verify = (chain: readonly Certificate[]): string =>
      verifyX509Svid({ chain, bundles: left, atMs: Date.now(), usage: "client" }).id.path;
    const [stolen] = b.svids;
    assert.ok(stolen !== undefined);
    assert.equal(verify(stolen.chain), "/b");
    await Promise.all([afterChange(left, () => issuer.revokeAuthority("x509")), afterChange(right, () => {})]);
    assert.equal(authorities(), 1);
    assert.throws(() => verify(stolen.chain), { code: "ERR_X509_SVID_UNTRUSTED" });
    assert.equal(verify(right.svid.chain), "/b");
    await using server = await serve(right, "spiffe://one.test/a");
    const response = await left.fetch(server.url, {
      authorize: id("spiffe://one.test/b"),
    });
    assert.equal(await response.text(), "hello spiffe://one.test/a");
  });

  it("rotates and revokes JWT keys", async () => {
    await using api = await TestWorkloadApi.start({ trustDomain: "one.test", svids: ["/web"] });
    const { issuer } = api;
    await using bundles = await BundleSource.open({ endpoint: api.endpoint, kinds: ["jwt"] });
    const validate = (token: string): string => bundles.validateJwtSvid(token, { audience: "db" }).id.path;
    const old = issuer.issueJwtSvid("/web", { audience: "db" });
    await afterChange(bundles, () => issuer.rotateAuthority("jwt"));
    const fresh = issuer.issueJwtSvid("/web", { audience: "db" });
    assert.deepEqual([validate(old), validate(fresh)], ["/web", "/web"]);
    await afterChange(bundles, () => issuer.retireAuthorities("jwt"));
    assert.throws(() => validate(old), { code: "ERR_JWT_SVID_KEY_UNKNOWN" });
    await afterChange(bundles, () => issuer.revokeAuthority("jwt"));
    assert.throws(() => validate(fresh), { code: "ERR_JWT_SVID_KEY_UNKNOWN" });
    const expired = issuer.issueJwtSvid("/web", { audience: "db", ttlMs: -60_000 });
    assert.throws(() => validate(expired), { code: "ERR_JWT_SVID_EXPIRED" });
  });

  it("does not wait for ever for a change that does not come", async () => {
    await using api = await TestWorkloadApi.start();
    await using tokens = await JwtSource.open({ endpoint: api.endpoint });
    const waiting = afterChange(tokens, () => api.rotate(), { timeoutMs: 20 });
    await assert.rejects(waiting, { code: "ERR_TEST_NO_CHANGE", message: /20 ms/, fix: /a token that comes/ });
    const failing = afterChange(tokens, () => assert.fail("the test's own"), { timeoutMs: 20 });
    await assert.rejects(failing, { message: "the test's own" });
  });

  it("refuses options that there are not, and those that would change nothing", async () => {
    const issuer = TestIssuer.create("one.test");
    await using api = await TestWorkloadApi.start({ issuer });
    const issueX509 = issuer.issueX509Svid.bind(issuer);
    const issueJwt = issuer.issueJwtSvid.bind(issuer);
    const refuse = api.refuse.bind(api);
    const deny = api.deny.bind(api);
    const setSvids = api.setSvids.bind(api);
    const { start } = TestWorkloadApi;
    const wrong: readonly (readonly [string, RegExp, unknown, ...unknown[]])[] = [
      ["ERR_OPTION_UNKNOWN", /`svid`/, start, { svid: ["/web"] }],
      ["ERR_OPTION_UNKNOWN", /`ttlMs`/, TestIssuer.create, "one.test", { ttlMs: 5 }],
      ["ERR_OPTION_UNKNOWN", /`hints`/, setSvids, [{ path: "/web", hints: "a" }]],
      ["ERR_OPTION_UNKNOWN", /`notAfter`/, issueX509, "/web", { notAfter: 5 }],
      ["ERR_OPTION_UNKNOWN", /`why`/, deny, { why: "ERR_X" }],
      ["ERR_AUDIENCE_MISSING", /audience/, issueJwt, "/web", { ttlMs: 5 }],
      ["ERR_ARGUMENT_INVALID", /`svids` is an array/, start, { svids: "/web" }],
      ["ERR_ARGUMENT_INVALID", /`listen`/, start, { listen: "udp" }],
      ["ERR_ARGUMENT_INVALID", /`x509TtlMs` is of a new issuer/, start, { issuer, x509TtlMs: 5 }],
      ["ERR_ARGUMENT_INVALID", /`reason` is a code/, deny, { reason: "no entry" }],
      ["ERR_ARGUMENT_INVALID", /gRPC status/, refuse, "Unavailable"],
    ];
    for (const [code, message, act, ...given] of wrong) {
      await assert.rejects(async () => callUntyped(act, ...given), { code, message });
    }
    api.rotate();
    assert.equal(api.svids.length, 1);
    api.deny({ reason: "ERR_NODE_BANNED" });
  });

  it("refuses names and paths that are none", async () => {
    assert.throws(() => TestIssuer.create("Example.org"), { code: "ERR_TRUST_DOMAIN_CHARACTER" });
    await assert.rejects(TestWorkloadApi.start({ svids: ["web"] }), { name: "SpiffeError" });
  });
});
