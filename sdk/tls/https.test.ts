import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { describe, it } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { inspect } from "node:util";
import { encodePem } from "../../certs/index.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../../test/fakes/workload-side.ts";
import {
  type ConnectionRefusal,
  connectTls as connectVerified,
  createHttpsAgent,
  createHttpsServer,
  id,
  memberOf,
  peerOf,
  predicate,
} from "../index.ts";

function get(port: number, agent: Agent): Promise<{ readonly body: string; readonly response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, agent, path: "/" }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ body, response }));
    })
      .on("error", reject)
      .end();
  });
}

describe("createHttpsServer() and createHttpsAgent()", () => {
  it("speak mutual TLS, tell each side who the other is, and follow rotations", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await WorkloadSide.start(ca, "/web");
    await using db = await WorkloadSide.start(ca, "/db");
    const printed: string[] = [];
    const server = createHttpsServer(db.source, { authorize: id("spiffe://one.test/web") }, (message, response) => {
      printed.push(inspect(message.socket, { depth: 6, showHidden: true }));
      response.end(`${peerOf(message).id} ${peerOf(message).leaf.serialNumber}`);
    });
    const port = await portOf(server);
    const agent = createHttpsAgent(web.source, { authorize: id("spiffe://one.test/db"), keepAlive: false });
    const serials = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const { body, response } = await get(port, agent);
      assert.equal(body, `spiffe://one.test/web ${web.source.svid.leaf.serialNumber}`);
      assert.equal(peerOf(response).leaf.serialNumber, db.source.svid.leaf.serialNumber);
      serials.add(peerOf(response).leaf.serialNumber);
      await Promise.all([web.rotate(), db.rotate()]);
    }
    assert.equal(serials.size, 3);
    assert.equal(printed.length, 3);
    for (const text of printed) assert.doesNotMatch(text, /PRIVATE KEY/, "a connection that is printed shows no key");
    agent.destroy();
    server.close();
  });

  it("refuse a peer that the authoriser does not accept, on either side", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await WorkloadSide.start(ca, "/web");
    await using db = await WorkloadSide.start(ca, "/db");
    let served = 0;
    const refusals: string[] = [];
    const server = createHttpsServer(
      db.source,
      {
        authorize: id("spiffe://one.test/somebody-else"),
        onRefused: ({ cause }) => refusals.push(cause instanceof Error ? cause.message : ""),
      },
      (_message, response) => {
        served += 1;
        response.end("x");
      },
    );
    const port = await portOf(server);
    await assert.rejects(get(port, createHttpsAgent(web.source, { authorize: memberOf("one.test") })));
    await assert.rejects(get(port, createHttpsAgent(web.source, { authorize: id("spiffe://one.test/other") })), {
      code: "ERR_PEER_NOT_VERIFIED",
    });
    assert.equal(served, 0);
    assert.match(refusals.join(), /spiffe:\/\/one\.test\/web is not spiffe:\/\/one\.test\/somebody-else/);
    server.close();
  });

  it("verify a federated peer with its own trust domain's bundle only", async () => {
    const one = await TestCa.create("one.test");
    const two = await TestCa.create("two.test");
    const impostor = await TestCa.create("two.test");
    await using server1 = await WorkloadSide.start(one, "/db", { others: [two] });
    await using good = await WorkloadSide.start(two, "/web", { others: [one] });
    await using bad = await WorkloadSide.start(impostor, "/web", { others: [one] });
    const server = createHttpsServer(server1.source, { authorize: memberOf("two.test") }, (_message, response) =>
      response.end("ok"),
    );
    const port = await portOf(server);
    assert.equal((await get(port, createHttpsAgent(good.source, { authorize: memberOf("one.test") }))).body, "ok");
    await assert.rejects(get(port, createHttpsAgent(bad.source, { authorize: memberOf("one.test") })));
    server.close();
  });

  it("refuse clients without certificate, of TLS 1.2, and that say something before they are known", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await WorkloadSide.start(ca, "/db");
    let served = 0;
    const server = createHttpsServer(db.source, { authorize: memberOf("one.test") }, (_message, response) => {
      served += 1;
      response.end("secret");
    });
    const port = await portOf(server);
    for (const options of [{}, { maxVersion: "TLSv1.2" as const }]) {
      const heard = await new Promise<string>((resolve) => {
        let data = "";
        const socket = connectTls({
          host: "127.0.0.1",
          port,
          rejectUnauthorized: false,
          ALPNProtocols: ["http/1.1"],
          ...options,
        });
        socket.on("data", (chunk) => {
          data += chunk;
        });
        socket.on("error", () => resolve(data)).on("close", () => resolve(data));
        socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      });
      assert.equal(heard, "");
    }
    assert.equal(served, 0);
    server.close();
  });

  it("send nothing to a server that is not the expected one", async () => {
    const ca = await TestCa.create("one.test");
    const other = await TestCa.create("other.test");
    await using web = await WorkloadSide.start(ca, "/web");
    const wrong = await other.issue("/db");
    let heard = "";
    const hostile = createTlsServer({
      cert: encodePem("CERTIFICATE", wrong.leaf.der),
      key: wrong.key.export({ type: "pkcs8", format: "pem" }),
      ALPNProtocols: ["http/1.1"],
    });
    hostile.on("secureConnection", (socket) => {
      socket.on("data", (chunk) => {
        heard += chunk;
      });
      // It speaks before it is asked.
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
      socket.on("error", () => {});
    });
    const port = await portOf(hostile);
    const agent = createHttpsAgent(web.source, { authorize: predicate(() => true) });
    await assert.rejects(get(port, agent), { code: "ERR_PEER_NOT_VERIFIED" });
    assert.equal(heard, "");
    hostile.close();
  });

  it("let a client go at once that leaves in the middle of its handshake", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await WorkloadSide.start(ca, "/web");
    await using db = await WorkloadSide.start(ca, "/db");
    let onRefused: (refusal: ConnectionRefusal) => void = () => {};
    const refused = new Promise<ConnectionRefusal>((resolve) => {
      onRefused = resolve;
    });
    const server = createHttpsServer(db.source, { authorize: id("spiffe://one.test/web"), onRefused });
    const port = await portOf(server);
    const other = { host: "127.0.0.1", port, authorize: id("spiffe://one.test/other") };
    await assert.rejects(connectVerified(web.source, other), { code: "ERR_PEER_NOT_VERIFIED" });
    const { reason, cause } = await refused;
    // Not ERR_TLS_HANDSHAKE_TIMEOUT, seconds later.
    assert.deepEqual([reason, Reflect.get(Object(cause), "code")], ["handshake-failed", "ECONNRESET"]);
    server.close();
  });

  it("tell a fetch that it may have been refused, since TLS 1.3 shows that only after the handshake", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await WorkloadSide.start(ca, "/web");
    await using db = await WorkloadSide.start(ca, "/db");
    const server = createHttpsServer(db.source, { authorize: id("spiffe://one.test/other") }, () =>
      assert.fail("it was served"),
    );
    const url = `https://127.0.0.1:${await portOf(server)}/`;
    await assert.rejects(web.source.fetch(url, { authorize: id("spiffe://one.test/db") }), (error: Error) => {
      assert.deepEqual([error.name, Reflect.get(error, "code")], ["ServiceError", "ERR_CONNECTION_LOST"]);
      assert.match(error.message, /it may have refused our certificate/);
      assert.ok(error.cause instanceof Error);
      return true;
    });
    server.close();
  });

  it("refuse new connections once the own identity is gone", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await WorkloadSide.start(ca, "/web");
    await using db = await WorkloadSide.start(ca, "/db");
    const server = createHttpsServer(db.source, { authorize: memberOf("one.test") }, (_message, response) =>
      response.end("ok"),
    );
    const port = await portOf(server);
    const agent = createHttpsAgent(web.source, { authorize: memberOf("one.test"), keepAlive: false });
    assert.equal((await get(port, agent)).body, "ok");
    await db.withdraw();
    await assert.rejects(get(port, agent));
    await web.source.close();
    await assert.rejects(get(port, agent), { code: "ERR_SOURCE_CLOSED" });
    server.close();
  });

  it("cannot be made without an authoriser, and treat one that fails as a refusal", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await WorkloadSide.start(ca, "/web");
    await using db = await WorkloadSide.start(ca, "/db");
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => createHttpsServer(db.source, {}), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => createHttpsAgent(db.source), TypeError);
    const server = createHttpsServer(db.source, { authorize: memberOf("one.test") }, (_message, response) =>
      response.end("ok"),
    );
    const port = await portOf(server);
    const throwing = predicate(() => {
      throw new Error("broken rule");
    });
    await assert.rejects(get(port, createHttpsAgent(web.source, { authorize: throwing })), {
      code: "ERR_PEER_NOT_VERIFIED",
    });
    server.close();
  });
});

describe("peerOf()", () => {
  it("throws for connections that no factory of ours made", () => {
    const plain = createTcpServer();
    // @ts-expect-error not a connection at all
    assert.throws(() => peerOf(plain), TypeError);
  });
});
