import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import express from "express";
import fastify from "fastify";
import { WebSocket, WebSocketServer } from "ws";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../../test/fakes/workload-side.ts";
import {
  connectHttp2,
  connectTls,
  createHttp2SecureServer,
  createHttpsAgent,
  createHttpsServer,
  createTlsServer,
  httpsServerFactory,
  id,
  peerOf,
  predicate,
} from "../index.ts";

const isWeb = { authorize: id("spiffe://one.test/web") };
const isDb = { authorize: id("spiffe://one.test/db") };

describe("the TLS factories", () => {
  let ca: TestCa;
  let db: WorkloadSide;
  let web: WorkloadSide;
  before(async () => {
    ca = await TestCa.create("one.test");
    db = await WorkloadSide.start(ca, "/db");
    web = await WorkloadSide.start(ca, "/web");
  });
  after(async () => {
    await db[Symbol.asyncDispose]();
    await web[Symbol.asyncDispose]();
  });

  it("carry any protocol over tls, with ALPN when it is wanted", async () => {
    const alpnProtocols = ["echo"];
    const server = createTlsServer(db.source, { ...isWeb, alpnProtocols }, (socket) => {
      socket.write(`${peerOf(socket).id} `);
      socket.pipe(socket);
    });
    const port = await portOf(server);
    const socket = await connectTls(web.source, { host: "127.0.0.1", port, ...isDb, alpnProtocols });
    assert.equal(peerOf(socket).id.toString(), "spiffe://one.test/db");
    assert.equal(socket.alpnProtocol, "echo");
    socket.end("over");
    let heard = "";
    for await (const chunk of socket) heard += chunk;
    assert.equal(heard, "spiffe://one.test/web over");
    const other = { host: "127.0.0.1", port, ...isDb, alpnProtocols: ["other"] };
    await assert.rejects(connectTls(web.source, other), { code: "ERR_CONNECT_FAILED" });
    server.close();
  });

  it("carry http2, with the peer in requests, streams and sessions, through a rotation", async () => {
    const server = createHttp2SecureServer(db.source, isWeb, (message, response) => {
      const peers = [peerOf(message), peerOf(message.stream), peerOf(response)].map(({ leaf }) => leaf.serialNumber);
      response.end(peers.join(" "));
    });
    const port = await portOf(server);
    for (let round = 0; round < 2; round += 1) {
      const session = await connectHttp2(web.source, `https://127.0.0.1:${port}`, isDb);
      const { serialNumber } = web.source.svid.leaf;
      const stream = session.request({ ":path": "/" });
      assert.equal(peerOf(stream).leaf.serialNumber, db.source.svid.leaf.serialNumber);
      assert.equal(peerOf(session).id.toString(), "spiffe://one.test/db");
      let body = "";
      for await (const chunk of stream) body += chunk;
      assert.equal(body, `${serialNumber} ${serialNumber} ${serialNumber}`);
      const closed = once(session, "close");
      session.close();
      await closed;
      assert.throws(() => peerOf(session), TypeError);
      await Promise.all([web.rotate(), db.rotate()]);
    }
    server.close();
  });

  it("serve fastify, express and ws", async () => {
    const app = fastify({ serverFactory: httpsServerFactory(db.source, isWeb) });
    app.get("/", (message) => `fastify ${peerOf(message.raw).id}`);
    await app.listen({ port: 0, host: "127.0.0.1" });
    const ask = async (port: number): Promise<string> => {
      const response = await web.source.fetch(`https://localhost:${port}/`, isDb);
      return response.text();
    };
    assert.equal(await ask(await portOf(app.server)), "fastify spiffe://one.test/web");

    const handler = express();
    handler.get("/", (message, response) => void response.send(`express ${peerOf(message).id}`));
    const server = createHttpsServer(db.source, isWeb, handler);
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket, message) => socket.send(`ws ${peerOf(message).id}`));
    const port = await portOf(server);
    assert.equal(await ask(port), "express spiffe://one.test/web");
    const agent = createHttpsAgent(web.source, isDb);
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, { agent });
    assert.equal(String((await once(socket, "message"))[0]), "ws spiffe://one.test/web");
    const closed = once(socket, "close");
    socket.close();
    await closed;
    const refused = new WebSocket(`wss://127.0.0.1:${port}/`, { agent: createHttpsAgent(web.source, isWeb) });
    assert.equal((await once(refused, "error"))[0].code, "ERR_PEER_NOT_VERIFIED");
    sockets.close();
    server.close();
    await web.rotate();
    await app.close();
  });

  it("cannot be made without an authoriser", async () => {
    const none = {};
    const to = { host: "127.0.0.1", port: 1 };
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => createTlsServer(db.source, none, () => {}), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => createHttp2SecureServer(db.source, none), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => httpsServerFactory(db.source, none), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    await assert.rejects(connectTls(db.source, to), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    await assert.rejects(connectHttp2(db.source, "https://127.0.0.1:1", none), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    await assert.rejects(db.source.fetch("https://127.0.0.1:1/", none), TypeError);
  });
});

describe("source.fetch()", () => {
  it("keeps connections for equal authorisers, and takes new ones after a rotation", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    await using web = await WorkloadSide.start(ca, "/web");
    let connections = 0;
    const server = createHttpsServer(db.source, isWeb, (message, response) => {
      response.end(`${peerOf(message).leaf.serialNumber} ${message.method}`);
    });
    server.on("connection", () => {
      connections += 1;
    });
    const url = `https://127.0.0.1:${await portOf(server)}/`;
    const ask = async (authorize = id("spiffe://one.test/db")): Promise<string> =>
      (await web.source.fetch(url, { authorize, method: "POST", body: "x" })).text();
    assert.equal(await ask(), `${web.source.svid.leaf.serialNumber} POST`);
    // undici takes a turn of the event loop to put a connection back.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await ask(), `${web.source.svid.leaf.serialNumber} POST`);
    assert.equal(connections, 1);
    // Another opinion on the server never uses a connection that the first one accepted.
    await assert.rejects(ask(id("spiffe://one.test/other")), { code: "ERR_PEER_NOT_VERIFIED" });
    await assert.rejects(ask(predicate(() => false)), { code: "ERR_PEER_NOT_VERIFIED" });
    assert.equal(connections, 3);
    await web.rotate();
    assert.equal(await ask(), `${web.source.svid.leaf.serialNumber} POST`);
    assert.equal(connections, 4);
    await web.withdraw();
    await assert.rejects(ask(), { code: "ERR_WORKLOAD_API_DENIED" });
    await web.source.close();
    await assert.rejects(ask(), { code: "ERR_SOURCE_CLOSED" });
    assert.equal(connections, 4);
    server.close();
  });

  it("verifies where a redirection leads, and follows none out of TLS", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    await using other = await WorkloadSide.start(ca, "/other");
    await using web = await WorkloadSide.start(ca, "/web");
    let reached = 0;
    const elsewhere = createHttpsServer(other.source, isWeb, (_message, response) => {
      reached += 1;
      response.end();
    });
    const there = `https://127.0.0.1:${await portOf(elsewhere)}/`;
    const server = createHttpsServer(db.source, isWeb, (message, response) => {
      response.writeHead(302, { location: message.url === "/plain" ? there.replace("https", "http") : there }).end();
    });
    const url = `https://127.0.0.1:${await portOf(server)}`;
    await assert.rejects(web.source.fetch(`${url}/`, isDb), { code: "ERR_PEER_NOT_VERIFIED" });
    await assert.rejects(web.source.fetch(`${url}/plain`, isDb), { code: "ERR_PLAIN_HTTP" });
    await assert.rejects(web.source.fetch("http://127.0.0.1:1/", isDb), { code: "ERR_PLAIN_HTTP" });
    assert.equal(reached, 0);
    server.close();
    elsewhere.close();
  });

  it("closes idle connections when its identity is withdrawn", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    await using web = await WorkloadSide.start(ca, "/web");
    const server = createHttpsServer(db.source, isWeb, (message, response) => {
      message.socket.once("close", () => server.emit("gone"));
      response.end("x");
    });
    const response = await web.source.fetch(`https://127.0.0.1:${await portOf(server)}/`, isDb);
    await response.text();
    const gone = once(server, "gone");
    await web.withdraw();
    await gone;
    server.close();
  });
});
