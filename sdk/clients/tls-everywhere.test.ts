import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import { EavesdroppingServer } from "../../test/fakes/eavesdropping-server.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { WorkloadSide } from "../../test/fakes/workload-side.ts";
import { id, ioredisOptions, mongodbOptions } from "../index.ts";

const isDb = { authorize: id("spiffe://one.test/db") };

describe("a library that leaves TLS out where an option is forgotten", () => {
  let ca: TestCa;
  let web: WorkloadSide;
  before(async () => {
    ca = await TestCa.create("one.test");
    web = await WorkloadSide.start(ca, "/web");
  });
  after(() => web[Symbol.asyncDispose]());

  /** Sees the first bytes, then goes on with TLS; without it hangs up. */
  const listen = async (firsts: Buffer[], answer?: (said: string) => string): Promise<EavesdroppingServer> =>
    EavesdroppingServer.start({
      svid: await ca.issue("/db"),
      ...(answer === undefined ? {} : { answer }),
      negotiate: async (socket) => {
        await once(socket, "readable");
        const said: Buffer = socket.read();
        firsts.push(said);
        socket.unshift(said);
        assert.equal(said[0], 0x16, "it is no TLS");
        return true;
      },
    });

  it("is ioredis with sentinels: all of it is inside TLS", async () => {
    const firsts: Buffer[] = [];
    await using server = await listen(firsts);
    const address = `*2\r\n$9\r\n127.0.0.1\r\n$${String(server.port).length}\r\n${server.port}\r\n`;
    await using sentinel = await listen(
      firsts,
      (said) => "+OK\r\n".repeat(said.split("\r\n").filter((line) => /^\*\d+$/.test(line)).length - 1) + address,
    );
    const redis = new Redis({
      ...ioredisOptions(web.source, isDb),
      sentinels: [{ host: "127.0.0.1", port: sentinel.port }],
      name: "main",
      retryStrategy: null,
      updateSentinels: false,
      password: "correct-horse",
      lazyConnect: true,
    });
    redis.on("error", () => {});
    const connecting = redis.connect().catch(() => {});
    await Promise.race([server.hears("correct-horse"), connecting]);
    assertTls(firsts, 2);
    assert.match(server.heard, /correct-horse/);
    assert.match(sentinel.heard, /get-master-addr-by-name/);
    redis.disconnect();
    await connecting;
  });

  it("is mongodb: all of it is inside TLS, whatever the URL says", async () => {
    const firsts: Buffer[] = [];
    await using server = await listen(firsts);
    const url = `mongodb://me:correct-horse@127.0.0.1:${server.port}/?directConnection=true&serverSelectionTimeoutMS=1000`;
    const options = mongodbOptions(web.source, isDb);
    await using client = new MongoClient(url, options);
    const connecting = client.connect().catch(() => {});
    await Promise.race([server.hears("ismaster"), connecting]);
    await client.close();
    await connecting;
    assertTls(firsts, 1);
    assert.match(server.heard, /ismaster/);
    for (const off of ["tls=false", "ssl=false"]) assert.throws(() => new MongoClient(`${url}&${off}`, options));
  });
});

/** Each connection began with a TLS record of a handshake. */
function assertTls(firsts: readonly Buffer[], atLeast: number): void {
  assert.ok(firsts.length >= atLeast);
  assert.deepEqual(
    firsts.map(([first]) => first),
    firsts.map(() => 0x16),
  );
}
