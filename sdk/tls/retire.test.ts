import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Agent, request } from "node:https";
import { after, before, beforeEach, describe, it } from "node:test";
import type { TLSSocket } from "node:tls";
import { WebSocket, WebSocketServer } from "ws";
import { FakeClock, settle } from "../../test/fakes/fake-clock.ts";
import { addEcho, EchoClient, exchange } from "../../test/fakes/grpc-echo.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../../test/fakes/workload-side.ts";
import { createGrpcServer, grpcChannelCredentials } from "../grpc/index.ts";
import {
  connectHttp2,
  connectTls,
  createHttp2SecureServer,
  createHttpsAgent,
  createHttpsServer,
  createTlsServer,
  id,
  kafkajsOptions,
  mysql2Options,
  nodemailerOptions,
  pgOptions,
  tlsOptions,
} from "../index.ts";

const host = "127.0.0.1";
const isWeb = { authorize: id("spiffe://one.test/web") };
const isDb = { authorize: id("spiffe://one.test/db") };
const closing = { closeWhen: ["own-expired"], closeGraceMs: 20_000 } as const;

/** An https request; `answered` resolves with its Connection header and its body. */
function ask(port: number, agent: Agent): { readonly answered: Promise<readonly [string | undefined, string]> } {
  const answered = new Promise<readonly [string | undefined, string]>((resolve, reject) => {
    request({ host, port, agent }, (response: IncomingMessage) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve([response.headers.connection, body])).on("error", reject);
    })
      .on("error", reject)
      .end();
  });
  return { answered };
}

describe("a connection that is to be closed", () => {
  let ca: TestCa;
  let clock: FakeClock;
  /** Its SVIDs expire after a minute. */
  let db: WorkloadSide;
  let web: WorkloadSide;
  before(async () => {
    ca = await TestCa.create("one.test");
  });
  beforeEach(async () => {
    clock = new FakeClock(Date.now());
    db = await WorkloadSide.start(ca, "/db", { clock, lifetimeMs: 60_000 });
    web = await WorkloadSide.start(ca, "/web");
  });
  const dispose = async (): Promise<void> => {
    await db[Symbol.asyncDispose]();
    await web[Symbol.asyncDispose]();
  };
  after(() => dispose());

  it("answers the http1 request that is under way, as its last", async () => {
    const asked: ServerResponse[] = [];
    const server = createHttpsServer(db.source, { ...isWeb, ...closing }, (_message, response) => {
      asked.push(response);
      server.emit("asked");
    });
    const port = await portOf(server);
    const agent = createHttpsAgent(web.source, { ...isDb, keepAlive: true });
    const arrived = once(server, "asked");
    const { answered } = ask(port, agent);
    await arrived;
    await clock.advance(61_000);
    asked[0]?.end("done");
    assert.deepEqual(await answered, ["close", "done"]);
    agent.destroy();
    server.close();
    await dispose();
  });

  it("lets streams of http2 end after GOAWAY, and is cut after the grace", async () => {
    const server = createHttp2SecureServer(db.source, { ...isWeb, ...closing }, (message, response) => {
      message.pipe(response);
    });
    const port = await portOf(server);
    const session = await connectHttp2(web.source, `https://${host}:${port}`, isDb);
    const quick = session.request({ ":path": "/", ":method": "POST" });
    const slow = session.request({ ":path": "/", ":method": "POST" });
    slow.on("error", () => {});
    for (const stream of [quick, slow]) {
      const heard = once(stream, "data");
      stream.write("x");
      await heard;
    }
    const away = once(session, "goaway");
    await clock.advance(61_000);
    await away;
    const ended = once(quick.resume(), "end");
    quick.end("y");
    await ended;
    await clock.advance(10_000);
    assert.equal(slow.destroyed, false);
    const cut = once(slow, "close");
    await clock.advance(10_001);
    await cut;
    server.close();
    await dispose();
  });

  it("lets calls of grpc-js end after GOAWAY, and is cut after the grace", async () => {
    const server = createGrpcServer(db.source, { ...isWeb, ...closing });
    addEcho(server, () => "");
    const { port } = await server.listen(0, host);
    const client = new EchoClient(port, grpcChannelCredentials(web.source, isDb));
    const quick = client.duplex();
    const slow = client.duplex();
    const other = new EchoClient(port, grpcChannelCredentials(web.source, isDb));
    for (const call of [quick, slow]) assert.equal(await exchange(call, "1"), " 1");
    await clock.advance(30_000);
    // Another connection, of a newer SVID: what concerns the old one must not concern it.
    await db.rotate(3_600_000);
    const unconcerned = other.duplex();
    assert.equal(await exchange(unconcerned, "1"), " 1");
    await clock.advance(31_000);
    assert.equal(await exchange(quick, "2"), " 2");
    quick.end();
    await once(quick.resume(), "end");
    const failed = once(slow, "error");
    await clock.advance(21_000);
    assert.match(String(await failed), /UNAVAILABLE|CANCELLED|INTERNAL/);
    assert.equal(await exchange(unconcerned, "2"), " 2");
    unconcerned.cancel();
    unconcerned.on("error", () => {});
    for (const one of [client, other]) one.close();
    server.forceShutdown();
    await dispose();
  });

  it("ends a WebSocket", async () => {
    const server = createHttpsServer(db.source, { ...isWeb, ...closing });
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket) => socket.on("message", (text) => socket.send(String(text))));
    const port = await portOf(server);
    const socket = new WebSocket(`wss://${host}:${port}/`, { agent: createHttpsAgent(web.source, isDb) });
    await once(socket, "open");
    const answer = once(socket, "message");
    socket.send("x");
    assert.equal(String((await answer)[0]), "x");
    const closed = once(socket, "close");
    await clock.advance(61_000);
    await closed;
    sockets.close();
    server.close();
    await dispose();
  });

  it("carries what a client has under way to its end: https agent, grpc-js, fetch", async () => {
    const waiting: ServerResponse[] = [];
    const server = createHttpsServer(web.source, isDb, (_message, response) => {
      waiting.push(response);
      server.emit("asked");
    });
    const port = await portOf(server);
    const agent = createHttpsAgent(db.source, { ...isWeb, ...closing, keepAlive: true });
    const gone: Promise<unknown>[] = [];
    server.on("request", ({ socket }) => gone.push(once(socket, "close")));
    const first = once(server, "asked");
    const { answered } = ask(port, agent);
    await first;
    const second = once(server, "asked");
    const fetched = db.source.fetch(`https://${host}:${port}/`, { ...isWeb, ...closing });
    await second;
    const grpc = createGrpcServer(web.source, isDb);
    addEcho(grpc, () => "");
    const { port: grpcPort } = await grpc.listen(0, host);
    const client = new EchoClient(grpcPort, grpcChannelCredentials(db.source, { ...isWeb, ...closing }));
    const call = client.duplex();
    await exchange(call, "1");

    await clock.advance(61_000);
    for (const response of waiting) response.end("done");
    assert.equal((await answered)[1], "done");
    assert.equal(await (await fetched).text(), "done");
    assert.equal(await exchange(call, "2"), " 2");
    // Now nothing is under way any more.
    await Promise.all(gone);
    const idle = new Promise<void>((resolve) => {
      const channel = client.getChannel();
      channel.watchConnectivityState(channel.getConnectivityState(false), Number.POSITIVE_INFINITY, () => resolve());
    });
    call.end();
    await once(call.resume(), "end");
    await idle;
    client.close();
    grpc.forceShutdown();
    agent.destroy();
    server.close();
    await dispose();
  });

  it("costs one timer for all of a source, and none when the last is gone", async () => {
    const sockets: TLSSocket[] = [];
    const server = createTlsServer(db.source, { ...isWeb, ...closing }, (socket) => sockets.push(socket.resume()));
    const port = await portOf(server);
    const idle = clock.pendingTimers;
    for (let count = 0; count < 5; count += 1) await connectTls(web.source, { host, port, ...isDb });
    while (sockets.length < 5) await settle(1);
    assert.equal(clock.pendingTimers, idle + 1);
    const closed = sockets.map((socket) => once(socket, "close"));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
    await settle();
    assert.equal(clock.pendingTimers, idle);
    server.close();
    await dispose();
  });

  it("is asked for where it is kept, by the right name", async () => {
    const misspelt = { ...isWeb, closewhen: ["distrusted"] };
    const servers = [
      () => createGrpcServer(db.source, misspelt),
      () => createHttpsServer(db.source, misspelt),
      () => createHttp2SecureServer(db.source, misspelt),
      () => createTlsServer(db.source, misspelt, () => {}),
      () => grpcChannelCredentials(db.source, misspelt),
    ];
    for (const create of servers) assert.throws(create, /TypeError.*no option `closewhen`/);
    const kept = { ...isDb, closeWhen: ["distrusted"] as const };
    for (const options of [pgOptions, mysql2Options, kafkajsOptions, nodemailerOptions, tlsOptions])
      assert.throws(() => options(web.source, kept), /TypeError.*no option `closeWhen`/);
    await dispose();
  });

  it("has reasons that there are", async () => {
    // @ts-expect-error JavaScript callers can misspell it.
    assert.throws(() => createTlsServer(db.source, { ...isWeb, closeWhen: ["expired"] }, () => {}), TypeError);
    // @ts-expect-error JavaScript callers can misspell it.
    assert.throws(() => createHttpsAgent(db.source, { ...isDb, closeWhen: ["expired"] }), TypeError);
    assert.throws(() => createHttpsServer(db.source, { ...isWeb, closeGraceMs: Number.NaN }), TypeError);
    // More than a timer can wait, which would fire at once.
    for (const closeGraceMs of [2 ** 31, Number.POSITIVE_INFINITY, -1])
      assert.throws(() => createGrpcServer(db.source, { ...isWeb, ...closing, closeGraceMs }), TypeError);
    createGrpcServer(db.source, { ...isWeb, ...closing, closeGraceMs: 2 ** 31 - 1 }).forceShutdown();
    // @ts-expect-error JavaScript callers can misspell it.
    await assert.rejects(db.source.fetch("https://127.0.0.1:1/", { ...isDb, closeWhen: ["expired"] }), TypeError);
    // @ts-expect-error JavaScript callers can misspell it.
    assert.throws(() => grpcChannelCredentials(db.source, { ...isDb, closeWhen: ["expired"] }), TypeError);
  });
});
