import assert from "node:assert/strict";
import { once } from "node:events";
import type { Server, ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";
import { settle } from "../../test/fakes/fake-clock.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../../test/fakes/workload-side.ts";
import { connectTls, createHttpsServer, predicate } from "../index.ts";

const authorize = predicate(() => true);
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const upgrade = "GET /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
const webSocket = `${upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
/** Each event by which node:http tells of a request. */
const knocks = [
  get("/late"),
  "POST /late HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
  "GET /late HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n",
  `${upgrade}\r\n`,
  "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
];

/** A client that is no library of ours, heard of by a server that hears of everything. */
describe("a peer of an http1 server that is no longer trusted", () => {
  let db: WorkloadSide;
  let stranger: WorkloadSide;
  let server: Server;
  let socket: TLSSocket;
  let served: string[];
  let hanging: ServerResponse[];
  let heard: string;

  beforeEach(async () => {
    const one = await TestCa.create("one.test");
    const two = await TestCa.create("two.test");
    db = await WorkloadSide.start(one, "/db", { others: [two] });
    stranger = await WorkloadSide.start(two, "/stranger", { others: [one] });
    served = [];
    hanging = [];
    heard = "";
    server = createHttpsServer(db.source, { authorize, closeWhen: ["distrusted"] }, ({ url = "" }, response) => {
      served.push(url);
      if (url === "/hang") hanging.push(response);
      else response.end(url);
    });
    const port = await portOf(server);
    socket = await connectTls(stranger.source, { host: "127.0.0.1", port, authorize });
    // It does not go away only because it is asked to.
    socket.allowHalfOpen = true;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heard += chunk;
    });
  });
  afterEach(async () => {
    socket.destroy();
    server.closeAllConnections();
    server.close();
    for (const side of [db, stranger]) await side[Symbol.asyncDispose]();
  });

  /** Says something, and waits until the server has heard it. */
  async function say(text: string, isHeard: () => boolean): Promise<void> {
    socket.write(text);
    while (!isHeard()) await settle(1);
  }

  function listenToAll(): void {
    for (const event of ["request", "checkContinue", "checkExpectation", "upgrade", "connect"])
      server.on(event, ({ url }) => served.push(`${event} ${url}`));
  }

  it("is cut off at once between two requests", async () => {
    await say(get("/first"), () => heard.endsWith("/first"));
    await db.trust([]);
    while (!socket.destroyed && served.length === 1) {
      socket.write(get("/late"));
      await settle(1);
    }
    assert.deepEqual(served, ["/first"]);
  });

  for (const knock of knocks) {
    it(`gets the answer that is under way and no other: ${JSON.stringify(knock.slice(0, 40))}`, async () => {
      await say(get("/hang"), () => hanging.length === 1);
      listenToAll();
      await db.trust([]);
      await settle();
      socket.write(knock + knock);
      await settle();
      await settle();
      assert.deepEqual(served, ["/hang"]);
      const closed = Promise.all([once(socket, "end"), once(hanging[0]?.req.socket ?? socket, "close")]);
      hanging[0]?.end("done");
      await closed;
      assert.match(heard, /^HTTP\/1\.1 200 OK\r\nconnection: close\r\n.*done$/is);
      assert.deepEqual(served, ["/hang"]);
    });
  }

  it("gets all answers that are under way, the last one as such", async () => {
    await say(get("/hang") + get("/hang"), () => hanging.length === 2);
    await db.trust([]);
    await settle();
    const closed = Promise.all([once(socket, "end"), once(hanging[0]?.req.socket ?? socket, "close")]);
    for (const [at, response] of hanging.entries()) response.end(`done ${at}`);
    await closed;
    assert.match(heard, /done 0.*connection: close.*done 1/is);
  });

  it("says nothing more over a WebSocket, nor over one that it has beside a request", async () => {
    const messages: string[] = [];
    new WebSocketServer({ server }).on("connection", (ws) => ws.on("message", (text) => messages.push(`${text}`)));
    await say(get("/hang"), () => hanging.length === 1);
    await say(webSocket, () => heard.includes("101 Switching"));
    // A masked frame with the text "x"; its mask is of zeroes.
    const frame = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x78]);
    socket.write(frame);
    while (messages.length < 1) await settle(1);
    await db.trust([]);
    while (!socket.destroyed && messages.length === 1) {
      socket.write(frame);
      await settle(1);
    }
    assert.equal(messages.length, 1);
  });
});
