import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import type { TLSSocket } from "node:tls";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../../test/fakes/workload-side.ts";
import { createTlsServer, id, kafkajsOptions, memberOf, peerOf } from "../index.ts";

describe("the socket that a library gets at once", () => {
  let web: WorkloadSide;
  let db: WorkloadSide;
  before(async () => {
    // A server of another trust domain: for those who take a connection it is as good as one's own.
    const [one, two] = [await TestCa.create("one.test"), await TestCa.create("two.test")];
    web = await WorkloadSide.start(one, "/web", { others: [two] });
    db = await WorkloadSide.start(two, "/db", { others: [one] });
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    await db[Symbol.asyncDispose]();
  });

  const serve = async (onConnection: (socket: TLSSocket) => void): Promise<{ port: number; close: () => void }> => {
    const server = createTlsServer(db.source, { authorize: memberOf("one.test") }, onConnection);
    return { port: await portOf(server), close: () => server.close() };
  };
  const open = (port: number, onConnect = (): void => {}, authorize = id("spiffe://two.test/db")): Socket =>
    kafkajsOptions(web.source, { authorize }).socketFactory({ host: "127.0.0.1", port, onConnect });

  it("carries much both ways, what was written before the connection first, and knows its peer", async () => {
    const server = await serve((socket) => void socket.pipe(socket));
    const bytes = randomBytes(4_000_000);
    let connects = 0;
    const socket = open(server.port, () => {
      connects += 1;
    });
    assert.ok(socket instanceof Socket);
    assert.equal(socket.connecting, true);
    socket.write(bytes.subarray(0, 10).toString("hex"), "hex");
    for (let at = 10; at < bytes.length; at += 100_000) {
      if (!socket.write(bytes.subarray(at, at + 100_000))) await once(socket, "drain");
    }
    socket.end();
    const hash = createHash("sha256");
    for await (const chunk of socket) hash.update(chunk);
    assert.equal(hash.digest("hex"), createHash("sha256").update(bytes).digest("hex"));
    assert.equal(connects, 1);
    assert.equal(peerOf(socket).id.toString(), "spiffe://two.test/db");
    server.close();
  });

  it("slows the server down when it is not read", async () => {
    let sent = 0;
    const server = await serve((socket) => {
      const chunk = Buffer.alloc(100_000);
      const more = (): void => {
        while (sent < 1_000 && socket.write(chunk)) sent += 1;
      };
      socket.on("drain", more);
      more();
    });
    const socket = open(server.port);
    const [first] = await once(socket, "data");
    assert.ok(first.length > 0);
    socket.pause();
    const seen = sent;
    // Something else goes through the loop meanwhile; nobody reads.
    await web.rotate();
    await web.rotate();
    assert.ok(sent < 1_000, `${sent} chunks were taken, ${seen} at first`);
    socket.destroy();
    server.close();
  });

  it("ends as sockets do: with the server's end, its death, and with a reason when there was no connection", async () => {
    const bye = await serve((socket) => void socket.end("bye"));
    const polite = open(bye.port);
    let heard = "";
    for await (const chunk of polite) heard += chunk;
    assert.equal(heard, "bye");
    assert.equal(polite.destroyed, true);
    bye.close();

    const dying = await serve((socket) => void socket.destroy());
    const cut = open(dying.port);
    await once(cut.on("error", () => {}).resume(), "close");
    dying.close();

    const refused = open(dying.port);
    const [noServer] = await once(refused, "error");
    assert.equal(noServer.code, "ERR_CONNECT_FAILED");
    assert.equal(refused.destroyed, true);

    const strict = await serve(() => assert.fail("it was connected"));
    const wrong = open(strict.port, () => assert.fail("it was connected"), memberOf("one.test"));
    wrong.write("secret");
    const [error] = await once(wrong, "error");
    assert.equal(error.code, "ERR_PEER_NOT_VERIFIED");
    const given = open(strict.port, () => assert.fail("it was connected"));
    given.end();
    await once(given, "close");
    strict.close();
  });
});
