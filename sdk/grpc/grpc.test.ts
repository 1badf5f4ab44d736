import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { addEcho, EchoClient, exchange } from "../../test/fakes/grpc-echo.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { WorkloadSide } from "../../test/fakes/workload-side.ts";
import { id, memberOf, peerOf } from "../index.ts";
import { createGrpcServer, grpcChannelCredentials, type SourceGrpcServer } from "./index.ts";

const isWeb = { authorize: id("spiffe://one.test/web") };
const isDb = { authorize: id("spiffe://one.test/db") };

interface Served {
  readonly server: SourceGrpcServer;
  readonly port: number;
  /** Calls that reached a handler. */
  readonly calls: () => number;
}

/** Answers with the serial number of the caller's certificate. */
async function serve({ source }: WorkloadSide, options = isWeb, at = 0): Promise<Served> {
  const server = createGrpcServer(source, options);
  let calls = 0;
  addEcho(server, (call) => {
    calls += 1;
    return peerOf(call).leaf.serialNumber;
  });
  const { port } = await server.listen(at, "127.0.0.1");
  return { server, port, calls: () => calls };
}

function shutDown(server: SourceGrpcServer): Promise<void> {
  return new Promise((resolve, reject) => server.tryShutdown((error) => (error ? reject(error) : resolve())));
}

const serialOf = ({ source }: WorkloadSide): string => source.svid.leaf.serialNumber;

describe("createGrpcServer() and grpcChannelCredentials()", () => {
  it("carry the four kinds of calls and tell each side who the other is", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    await using web = await WorkloadSide.start(ca, "/web");
    const { server, port } = await serve(db);
    const client = new EchoClient(port, grpcChannelCredentials(web.source, isDb));
    const me = serialOf(web);
    let answering = "";
    const answer = await client.unary("a", (call) => {
      assert.throws(() => peerOf(call), TypeError);
      call.on("metadata", () => {
        answering = peerOf(call).id.toString();
      });
    });
    assert.equal(answer, `${me} a`);
    assert.equal(answering, "spiffe://one.test/db");
    assert.equal(await client.collect(["a", "b"]), `${me} a,b`);
    const heard: string[] = [];
    for await (const text of client.split("a,b")) heard.push(String(text));
    assert.deepEqual(heard, [`${me} a`, `${me} b`]);
    const duplex = client.duplex();
    assert.equal(await exchange(duplex, "a"), `${me} a`);
    assert.equal(await exchange(duplex, "b"), `${me} b`);
    duplex.end();
    await once(duplex.resume(), "end");
    client.close();
    await shutDown(server);
  });

  it("follow rotations: open streams stay, new connections show the newest SVIDs", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    await using web = await WorkloadSide.start(ca, "/web");
    const { server, port } = await serve(db);
    const client = new EchoClient(port, grpcChannelCredentials(web.source, isDb));
    const duplex = client.duplex();
    const first = serialOf(web);
    assert.equal(await exchange(duplex, "1"), `${first} 1`);
    const serials = new Set([first]);
    for (let round = 0; round < 2; round += 1) {
      const under = client.collect(["during", "rotation"]);
      await Promise.all([web.rotate(), db.rotate()]);
      assert.equal(await under, `${first} during,rotation`);
      assert.equal(await exchange(duplex, "2"), `${first} 2`);
      const fresh = new EchoClient(port, grpcChannelCredentials(web.source, isDb));
      let seen = "";
      const answer = await fresh.unary("3", (call) =>
        call.on("metadata", () => {
          seen = peerOf(call).leaf.serialNumber;
        }),
      );
      assert.equal(answer, `${serialOf(web)} 3`);
      assert.equal(seen, serialOf(db));
      serials.add(serialOf(web));
      fresh.close();
    }
    assert.equal(serials.size, 3);
    duplex.cancel();
    duplex.on("error", () => {});
    client.close();
    server.forceShutdown();
  });

  it("refuse who is not authorised or of a forged authority, on either side, and say why", async () => {
    const ca = await TestCa.create("one.test");
    const forged = await TestCa.create("one.test");
    const two = await TestCa.create("two.test");
    await using db = await WorkloadSide.start(ca, "/db");
    await using web = await WorkloadSide.start(ca, "/web");
    await using stranger = await WorkloadSide.start(ca, "/stranger");
    await using impostor = await WorkloadSide.start(forged, "/web");
    await using foreigner = await WorkloadSide.start(two, "/web", { others: [ca] });
    const refusals: string[] = [];
    const server = createGrpcServer(db.source, {
      ...isWeb,
      onRefused: ({ cause }) => refusals.push(cause instanceof Error && "code" in cause ? String(cause.code) : ""),
    });
    let calls = 0;
    addEcho(server, () => {
      calls += 1;
      return "";
    });
    const { port } = await server.listen(0, "127.0.0.1");
    for (const [side, options, details] of [
      [web, { authorize: id("spiffe://one.test/other") }, /ERR_PEER_NOT_VERIFIED.*is not spiffe:\/\/one\.test\/other/],
      [web, { authorize: memberOf("two.test") }, /ERR_PEER_NOT_VERIFIED/],
      [impostor, isDb, /ERR_PEER_NOT_VERIFIED/],
      [stranger, isDb, /./],
      [foreigner, isDb, /./],
    ] as const) {
      const client = new EchoClient(port, grpcChannelCredentials(side.source, options));
      await assert.rejects(client.unary("secret"), { code: status.UNAVAILABLE, details });
      client.close();
    }
    assert.equal(calls, 0);
    assert.ok(refusals.includes("ERR_PEER_UNAUTHORIZED"));
    assert.ok(refusals.includes("ERR_TRUST_DOMAIN_NOT_TRUSTED"));
    server.forceShutdown();
  });

  it("recover from a restart of the server and from a source without an identity", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    await using web = await WorkloadSide.start(ca, "/web");
    const before = await serve(db);
    const client = new EchoClient(before.port, grpcChannelCredentials(web.source, isDb));
    const becomes = async (wanted: RegExp): Promise<void> => {
      for (;;) {
        const heard = await client.unary("x").catch((error: unknown) => String(error));
        if (wanted.test(heard)) return;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await becomes(/ x$/);
    before.server.forceShutdown();
    await becomes(/UNAVAILABLE/);
    const after = await serve(db, isWeb, before.port);
    await becomes(/ x$/);
    await web.withdraw();
    after.server.forceShutdown();
    await becomes(/UNAVAILABLE.*ERR_WORKLOAD_API_DENIED: no identity issued/);
    const last = await serve(db, isWeb, before.port);
    await web.rotate();
    await becomes(/ x$/);
    assert.equal(after.calls(), 1);
    client.close();
    last.server.forceShutdown();
  });

  it("do not serve a connection whose handshake outlasts the server", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    await using web = await WorkloadSide.start(ca, "/web");
    const { server, port, calls } = await serve(db);
    const early = connectTcp(port, "127.0.0.1");
    await once(early, "connect");
    // Connections are accepted in their order: when this call is answered, the server has the other one.
    const client = new EchoClient(port, grpcChannelCredentials(web.source, isDb));
    await client.unary("x");
    client.close();
    await shutDown(server);
    const late = grpcChannelCredentials(web.source, isDb)._createSecureConnector({ path: "" }, {});
    const { socket } = await late.connect(early);
    await once(socket.resume(), "close");
    assert.equal(calls(), 1);
  });

  it("cannot be made or opened without an authoriser", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => createGrpcServer(db.source), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => grpcChannelCredentials(db.source, {}), TypeError);
    const server = createGrpcServer(db.source, isWeb);
    assert.throws(() => server.bindAsync(), TypeError);
    server.forceShutdown();
  });
});
