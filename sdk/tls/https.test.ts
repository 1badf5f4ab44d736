import assert from "node:assert/strict";
import type { IncomingMessage, Server } from "node:http";
import { type Agent, request } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { describe, it } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { encodePem } from "../../certs/index.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { createHttpsAgent, createHttpsServer, id, memberOf, peerOf, predicate, X509Source } from "../index.ts";

interface Side extends AsyncDisposable {
  readonly api: FakeWorkloadApi;
  readonly source: X509Source;
}

async function side(ca: TestCa, path: string, others: readonly TestCa[] = []): Promise<Side> {
  const api = await FakeWorkloadApi.start();
  api.update({ svids: [await ca.issue(path)], bundles: [ca.bundle, ...others.map((other) => other.bundle)] });
  const source = await X509Source.open({ endpoint: api.endpoint });
  return {
    api,
    source,
    [Symbol.asyncDispose]: async () => {
      await source.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

function portOf(server: { address(): unknown }): number {
  const address = server.address();
  return typeof address === "object" && address !== null && "port" in address ? Number(address.port) : 0;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server))));
}

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
    await using web = await side(ca, "/web");
    await using db = await side(ca, "/db");
    const server = createHttpsServer(db.source, { authorize: id("spiffe://one.test/web") }, (message, response) => {
      response.end(`${peerOf(message).id} ${peerOf(message).leaf.serialNumber}`);
    });
    const port = await listen(server);
    const agent = createHttpsAgent(web.source, { authorize: id("spiffe://one.test/db"), keepAlive: false });
    const serials = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const { body, response } = await get(port, agent);
      assert.equal(body, `spiffe://one.test/web ${web.source.svid.leaf.serialNumber}`);
      assert.equal(peerOf(response).leaf.serialNumber, db.source.svid.leaf.serialNumber);
      serials.add(peerOf(response).leaf.serialNumber);
      const changes = [web, db].map(({ source }) => new Promise<void>((resolve) => void source.onChange(resolve)));
      web.api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
      db.api.update({ svids: [await ca.issue("/db")], bundles: [ca.bundle] });
      await Promise.all(changes);
    }
    assert.equal(serials.size, 3);
    agent.destroy();
    server.close();
  });

  it("refuse a peer that the authoriser does not accept, on either side", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await side(ca, "/web");
    await using db = await side(ca, "/db");
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
    const port = await listen(server);
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
    await using server1 = await side(one, "/db", [two]);
    await using good = await side(two, "/web", [one]);
    await using bad = await side(impostor, "/web", [one]);
    const server = createHttpsServer(server1.source, { authorize: memberOf("two.test") }, (_message, response) =>
      response.end("ok"),
    );
    const port = await listen(server);
    assert.equal((await get(port, createHttpsAgent(good.source, { authorize: memberOf("one.test") }))).body, "ok");
    await assert.rejects(get(port, createHttpsAgent(bad.source, { authorize: memberOf("one.test") })));
    server.close();
  });

  it("refuse clients without certificate, of TLS 1.2, and that say something before they are known", async () => {
    const ca = await TestCa.create("one.test");
    await using db = await side(ca, "/db");
    let served = 0;
    const server = createHttpsServer(db.source, { authorize: memberOf("one.test") }, (_message, response) => {
      served += 1;
      response.end("secret");
    });
    const port = await listen(server);
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
    await using web = await side(ca, "/web");
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
    await new Promise<void>((resolve) => hostile.listen(0, "127.0.0.1", resolve));
    const agent = createHttpsAgent(web.source, { authorize: predicate(() => true) });
    await assert.rejects(get(portOf(hostile), agent), { code: "ERR_PEER_NOT_VERIFIED" });
    assert.equal(heard, "");
    hostile.close();
  });

  it("refuse new connections once the own identity is gone", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await side(ca, "/web");
    await using db = await side(ca, "/db");
    const server = createHttpsServer(db.source, { authorize: memberOf("one.test") }, (_message, response) =>
      response.end("ok"),
    );
    const port = await listen(server);
    const agent = createHttpsAgent(web.source, { authorize: memberOf("one.test"), keepAlive: false });
    assert.equal((await get(port, agent)).body, "ok");
    const gone = new Promise<void>((resolve) => void db.source.onChange(resolve));
    db.api.deny();
    await gone;
    await assert.rejects(get(port, agent));
    await web.source.close();
    await assert.rejects(get(port, agent), { code: "ERR_SOURCE_CLOSED" });
    server.close();
  });

  it("cannot be made without an authoriser, and treat one that fails as a refusal", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await side(ca, "/web");
    await using db = await side(ca, "/db");
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => createHttpsServer(db.source, {}), TypeError);
    // @ts-expect-error JavaScript callers can forget it.
    assert.throws(() => createHttpsAgent(db.source), TypeError);
    const server = createHttpsServer(db.source, { authorize: memberOf("one.test") }, (_message, response) =>
      response.end("ok"),
    );
    const port = await listen(server);
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
