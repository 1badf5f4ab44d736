import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { EavesdroppingServer } from "../../test/fakes/eavesdropping-server.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../../test/fakes/workload-side.ts";
import {
  anyOf,
  createTlsServer,
  id,
  memberOf,
  peerOf,
  predicate,
  TrustDomain,
  tlsOptions,
  X509Source,
} from "../index.ts";

const isDb = { authorize: id("spiffe://one.test/db") };

async function connected(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", ...options });
  await once(socket, "secureConnect");
  return socket;
}

describe("tlsOptions()", () => {
  let ca: TestCa;
  let web: WorkloadSide;
  before(async () => {
    ca = await TestCa.create("one.test");
    web = await WorkloadSide.start(ca, "/web");
  });
  after(() => web[Symbol.asyncDispose]());

  it("show the newest SVID on each connection of one object, a copy of it too", async () => {
    await using db = await WorkloadSide.start(ca, "/db");
    const server = createTlsServer(db.source, { authorize: memberOf("one.test") }, (socket) => {
      socket.end(peerOf(socket).leaf.serialNumber);
    });
    const port = await portOf(server);
    const kept = { ...tlsOptions(web.source, isDb), port };
    for (let round = 0; round < 3; round += 1) {
      const socket = await connected(kept);
      let heard = "";
      for await (const chunk of socket) heard += chunk;
      assert.equal(heard, web.source.svid.leaf.serialNumber);
      await Promise.all([web.rotate(), db.rotate()]);
    }
    server.close();
  });

  it("follow the bundle: a new authority is trusted, one that was taken out is not", async () => {
    const next = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    await using source = await X509Source.open({ endpoint: api.endpoint });
    await using server = await EavesdroppingServer.start({ svid: await next.issue("/db") });
    const options = { ...tlsOptions(source, isDb), port: server.port };
    await assert.rejects(connected(options), { code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" });
    const changed = new Promise<void>((resolve) => void source.onChange(resolve));
    api.update({ svids: [await next.issue("/web")], bundles: [next.bundle] });
    await changed;
    (await connected(options)).destroy();
    await using old = await EavesdroppingServer.start({ svid: await ca.issue("/db") });
    await assert.rejects(connected({ ...options, port: old.port }), { code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" });
  });

  it("never resume a session, which would be authorised by nobody", async () => {
    await using server = await EavesdroppingServer.start({ svid: await ca.issue("/db"), greeting: "hello" });
    const plain = { rejectUnauthorized: false, port: server.port };
    const options = { ...tlsOptions(web.source, isDb), port: server.port };
    const ours = await sessionOf(await connected(options));
    const theirs = await sessionOf(await connected(plain));
    // The server does resume sessions.
    const resumed = await connected({ ...plain, session: theirs });
    assert.equal(resumed.isSessionReused(), true);
    resumed.destroy();
    for (const session of [ours, theirs]) await assert.rejects(connected({ ...options, session }));
  });

  it("let nothing out to the wrong server that was written before the handshake", async () => {
    await using wrong = await EavesdroppingServer.start({ svid: await ca.issue("/stranger") });
    await using right = await EavesdroppingServer.start({ svid: await ca.issue("/db") });
    const options = tlsOptions(web.source, isDb);
    const refused = connect({ host: "127.0.0.1", port: wrong.port, ...options });
    refused.write("secret");
    const [error] = await once(refused, "error");
    assert.equal(error.code, "ERR_PEER_UNAUTHORIZED");
    assert.equal(error.reason, "ERR_PEER_ID");
    const accepted = connect({ host: "127.0.0.1", port: right.port, ...options });
    accepted.write("secret");
    await right.hears("secret");
    accepted.destroy();
    assert.equal(wrong.heard, "");
  });

  it("trust nobody where a library makes its own context, or where the identity is gone", async () => {
    await using server = await EavesdroppingServer.start({ svid: await ca.issue("/db") });
    const { secureContext: _context, ...rest } = tlsOptions(web.source, isDb);
    await assert.rejects(connected({ ...rest, port: server.port }), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    await using short = await WorkloadSide.start(ca, "/short");
    const options = { ...tlsOptions(short.source, isDb), port: server.port };
    (await connected(options)).destroy();
    await short.withdraw();
    await assert.rejects(connected(options), { code: "ERR_WORKLOAD_API_DENIED" });
    await short.source.close();
    await assert.rejects(connected(options), { code: "ERR_SOURCE_CLOSED" });
    assert.equal(server.heard, "");
  });

  it("are bound to one trust domain", async () => {
    const two = await TestCa.create("two.test");
    await using api = await FakeWorkloadApi.start();
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle, two.bundle] });
    await using source = await X509Source.open({ endpoint: api.endpoint });
    const code = "ERR_TLS_OPTIONS_TRUST_DOMAIN";
    const elsewhere = id("spiffe://two.test/db");
    assert.throws(() => tlsOptions(source, { authorize: elsewhere }), { code });
    assert.throws(() => tlsOptions(source, { authorize: anyOf(memberOf("one.test"), elsewhere) }), { code });
    assert.throws(() => tlsOptions(source, { authorize: memberOf("one.test"), trustDomain: "two.test" }), { code });
    assert.throws(() => tlsOptions(source, { authorize: memberOf("no.test"), trustDomain: "no.test" }), { code });
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => tlsOptions(source, {}), TypeError);
    await using theirs = await EavesdroppingServer.start({ svid: await two.issue("/db") });
    await using ours = await EavesdroppingServer.start({ svid: await ca.issue("/db") });
    const federated = tlsOptions(source, { authorize: elsewhere, trustDomain: "two.test" });
    (await connected({ ...federated, port: theirs.port })).destroy();
    const anybody = { ...tlsOptions(source, { authorize: predicate(() => true), trustDomain: "two.test" }) };
    await assert.rejects(connected({ ...anybody, port: ours.port }), { code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" });
  });

  it("do not take a leaf of one trust domain under the roots of another", async () => {
    const svid = await ca.issue("/db", { trustDomain: TrustDomain.parse("two.test") });
    await using server = await EavesdroppingServer.start({ svid });
    const options = tlsOptions(web.source, { authorize: predicate(() => true) });
    await assert.rejects(connected({ ...options, port: server.port }), { code: "ERR_PEER_UNAUTHORIZED" });
  });
});

/** TLS 1.3 sends it after the handshake. */
async function sessionOf(socket: TLSSocket): Promise<Buffer> {
  const [session] = await once(socket, "session");
  socket.destroy();
  return session;
}
