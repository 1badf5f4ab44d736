import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { connect, createServer } from "node:tls";
import { encodePem, encodePkcs8 } from "../../certs/index.ts";
import { SpiffeBundle, X509Svid } from "../../spiffe/index.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestPki } from "../../test/fakes/test-pki.ts";
import { portOf } from "../../test/fakes/workload-side.ts";
import type { TlsIdentity } from "../../transport/tls/index.ts";
import { connectTls, createTlsServer, memberOf, type Peer, peerOf, X509Source } from "../index.ts";

// How Node hands out the peer's chain differs by version, above all when OpenSSL trusts the peer or a session is resumed;
// the FULL run repeats these on each Node that we support.
const host = "127.0.0.1";
const anyMember = { authorize: memberOf("one.test") };

function pemOf({ chain, key }: TlsIdentity) {
  const cert = chain.map((der) => encodePem("CERTIFICATE", der)).join("");
  return { cert, key: key.export({ type: "pkcs8", format: "pem" }) };
}

describe("the peer's chain", () => {
  const pki = TestPki.create("one.test");
  /** Two intermediates between leaf and root. */
  const issuer = pki.intermediate().intermediate();
  const identity = issuer.issue("/web");
  const shown = identity.chain.map((der) => Buffer.from(der));
  let api: FakeWorkloadApi;
  let source: X509Source;
  before(async () => {
    api = await FakeWorkloadApi.start();
    const svid = X509Svid.parse({
      chainDer: Buffer.concat(identity.chain),
      keyDer: encodePkcs8(identity.key),
      hint: "",
    });
    const bundle = SpiffeBundle.of(pki.trustDomain, { x509Authorities: [{ certificate: pki.root }] });
    api.update({ svids: [svid], bundles: [bundle] });
    source = await X509Source.open({ endpoint: api.endpoint });
  });
  after(async () => {
    await source.close();
    await api[Symbol.asyncDispose]();
  });

  function isWhole({ chain }: Peer): void {
    assert.deepEqual(chain.map(({ der }) => Buffer.from(der)).slice(0, shown.length), shown);
  }

  it("is there with its intermediates on both sides, on the first connection and on each that follows", async () => {
    const clients: Peer[] = [];
    const server = createTlsServer(source, anyMember, (socket) => {
      clients.push(peerOf(socket));
      socket.end();
    });
    const port = await portOf(server);
    for (let round = 0; round < 3; round += 1) {
      const socket = await connectTls(source, { host, port, ...anyMember });
      isWhole(peerOf(socket));
      await once(socket.resume(), "close");
    }
    assert.equal(clients.length, 3);
    for (const client of clients) isWhole(client);
    server.close();
  });

  it("is verified afresh each time: a server of ours gives no session to resume", async () => {
    const clients: Peer[] = [];
    const server = createTlsServer(source, anyMember, (socket) => {
      clients.push(peerOf(socket));
      socket.end("served");
    });
    const port = await portOf(server);
    const first = await visit(port);
    assert.equal(first.isResumed, false);
    assert.ok(first.sessions.length > 0);
    for (const session of first.sessions) assert.equal((await visit(port, session)).isResumed, false);
    assert.equal(clients.length, first.sessions.length + 1);
    for (const client of clients) isWhole(client);
    server.close();
  });

  it("is verified afresh each time: a client of ours resumes no session that a server gives", async () => {
    const resumed: boolean[] = [];
    const server = createServer({ ...pemOf(identity), requestCert: true, rejectUnauthorized: false }, (socket) => {
      resumed.push(socket.isSessionReused());
      socket.end("served");
    });
    const port = await portOf(server);
    const { sessions } = await visit(port);
    assert.equal((await visit(port, sessions.at(-1))).isResumed, true);
    assert.deepEqual(resumed.splice(0), [false, true]);
    for (let round = 0; round < 3; round += 1) {
      const socket = await connectTls(source, { host, port, ...anyMember });
      isWhole(peerOf(socket));
      await once(socket.resume(), "close");
    }
    assert.deepEqual(resumed, [false, false, false]);
    server.close();
  });

  /** A stock client, with what it could resume later. */
  async function visit(
    port: number,
    session?: Buffer,
  ): Promise<{ readonly isResumed: boolean; readonly sessions: readonly Buffer[] }> {
    const options = { host, port, rejectUnauthorized: false, ...pemOf(identity) };
    const socket = connect(session === undefined ? options : { ...options, session });
    const sessions: Buffer[] = [];
    socket.on("session", (given) => sessions.push(given));
    await once(socket, "secureConnect");
    const isResumed = socket.isSessionReused();
    const own = socket.getSession();
    await once(socket.resume(), "close");
    return { isResumed, sessions: [...(own === undefined ? [] : [own]), ...sessions] };
  }
});
