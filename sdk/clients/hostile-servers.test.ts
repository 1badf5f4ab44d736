import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { connect as connectNats } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import { MongoClient } from "mongodb";
import { createConnection } from "mysql2/promise";
import { createTransport } from "nodemailer";
import { Client } from "pg";
import { WebSocket } from "ws";
import { answerSslRequest, mysqlGreeting, readBytes } from "../../test/fakes/database-greetings.ts";
import { EavesdroppingServer } from "../../test/fakes/eavesdropping-server.ts";
import { createPublicCa } from "../../test/fakes/public-ca.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { WorkloadSide } from "../../test/fakes/workload-side.ts";
import {
  createHttpsAgent,
  id,
  ioredisOptions,
  kafkajsOptions,
  mongodbOptions,
  mysql2Options,
  nodemailerOptions,
  pgOptions,
  tlsOptions,
  type X509Source,
} from "../index.ts";

const isDb = { authorize: id("spiffe://one.test/db") };
const password = "correct-horse";

interface ClientPath {
  readonly name: string;
  /** Ends when the client gives up. */
  readonly connect: (source: X509Source, port: number) => Promise<unknown>;
  readonly negotiate?: (socket: Socket) => Promise<boolean>;
  /** The same, of a server that has no TLS or that was made to look so. */
  readonly refuseTls?: (socket: Socket) => Promise<boolean>;
  readonly greeting?: string | Buffer;
  /** What the right server hears. */
  readonly says: string;
}

const info = `INFO {"server_id":"X","version":"2.9.0","proto":1,"max_payload":1000,"tls_required":TLS}\r\n`;

const clientPaths: readonly ClientPath[] = [
  {
    name: "pg",
    connect: (source, port) =>
      new Client({ ...pgOptions(source, isDb), host: "127.0.0.1", port, user: password, password }).connect(),
    negotiate: async (socket) => {
      await answerSslRequest(socket, "S");
      return true;
    },
    refuseTls: async (socket) => {
      await answerSslRequest(socket, "N");
      return false;
    },
    says: password,
  },
  {
    name: "mysql2",
    connect: (source, port) =>
      createConnection({ ...mysql2Options(source, isDb), host: "127.0.0.1", port, user: password, password }),
    negotiate: async (socket) => {
      socket.write(mysqlGreeting(true));
      const request = await readBytes(socket, 36);
      assert.equal(request.subarray(0, 4).toString("hex"), "20000001");
      return true;
    },
    refuseTls: async (socket) => {
      socket.write(mysqlGreeting(false));
      return false;
    },
    says: password,
  },
  {
    name: "ioredis",
    connect: async (source, port) => {
      const redis = new Redis({
        host: "127.0.0.1",
        port,
        password,
        ...ioredisOptions(source, isDb),
        lazyConnect: true,
        retryStrategy: null,
      });
      const failed = once(redis, "error").then(([error]) => Promise.reject(error));
      await Promise.race([failed, redis.connect()]);
    },
    says: password,
  },
  {
    name: "ws",
    connect: async (source, port) => {
      const agent = createHttpsAgent(source, isDb);
      const socket = new WebSocket(`wss://127.0.0.1:${port}/`, { agent, headers: { authorization: password } });
      const [error] = await once(socket, "error");
      throw error;
    },
    says: password,
  },
  {
    name: "kafkajs",
    connect: (source, port) =>
      new Kafka({
        ...kafkajsOptions(source, isDb),
        brokers: [`127.0.0.1:${port}`],
        clientId: password,
        sasl: { mechanism: "plain", username: "me", password },
        logLevel: logLevel.NOTHING,
        retry: { retries: 0 },
      })
        .admin()
        .connect(),
    says: password,
  },
  {
    name: "@nats-io/transport-node",
    connect: (source, port) =>
      connectNats({
        servers: `127.0.0.1:${port}`,
        user: "me",
        pass: password,
        tls: tlsOptions(source, isDb),
        reconnect: false,
      }),
    negotiate: async (socket) => {
      socket.write(info.replace("TLS", "true"));
      return true;
    },
    refuseTls: async (socket) => {
      socket.write(info.replace("TLS", "false"));
      return false;
    },
    says: password,
  },
  {
    name: "mongodb",
    connect: async (source, port) => {
      await using client = new MongoClient(`mongodb://me:${password}@127.0.0.1:${port}/?directConnection=true`, {
        ...mongodbOptions(source, isDb),
      });
      // By itself it tries again for half a minute.
      const failed = once(client, "serverHeartbeatFailed").then(([{ failure }]) => Promise.reject(failure));
      await Promise.race([failed, client.connect()]);
    },
    says: "ismaster",
  },
  {
    name: "nodemailer",
    connect: (source, port) =>
      createTransport({
        ...nodemailerOptions(source, isDb),
        host: "127.0.0.1",
        port,
        name: password,
        auth: { user: "me", pass: password },
      }).verify(),
    greeting: "220 mail ESMTP\r\n",
    says: password,
  },
  {
    name: "nodemailer with STARTTLS",
    connect: (source, port) =>
      createTransport({
        tls: tlsOptions(source, isDb),
        requireTLS: true,
        host: "127.0.0.1",
        port,
        auth: { user: "me", pass: password },
      }).verify(),
    negotiate: async (socket) => {
      socket.write("220 mail ESMTP\r\n");
      await once(socket, "data");
      socket.write("250-mail\r\n250 STARTTLS\r\n");
      await once(socket, "data");
      socket.write("220 go\r\n");
      return true;
    },
    refuseTls: async (socket) => {
      socket.write("220 mail ESMTP\r\n");
      await once(socket, "data");
      socket.write("250 AUTH PLAIN\r\n");
      await once(socket, "data");
      socket.write("502 no\r\n");
      return false;
    },
    says: "EHLO",
  },
];

/** Why the server was refused, wherever the library keeps it: our verifier's reasons, or OpenSSL's. */
const refusal =
  /is not who it should be|ERR_PEER_UNAUTHORIZED|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|SELF_SIGNED_CERT_IN_CHAIN|CERT_HAS_EXPIRED|get local issuer|self-signed|certificate has expired/;

async function assertRefused(connecting: Promise<unknown>, reasons: RegExp, what: string): Promise<void> {
  await assert.rejects(connecting, (error) => {
    assert.match(inspect(error, { depth: 9 }), reasons, what);
    return true;
  });
}

describe("a hostile server", () => {
  let web: WorkloadSide;
  let ca: TestCa;
  let servers: readonly { readonly what: string; readonly svid: Awaited<ReturnType<TestCa["issue"]>> }[] = [];
  before(async () => {
    ca = await TestCa.create("one.test");
    web = await WorkloadSide.start(ca, "/web");
    const other = await TestCa.create("two.test");
    const forged = await TestCa.create("one.test");
    const passerBy = await createPublicCa("one.test");
    servers = [
      { what: "another member of the trust domain", svid: await ca.issue("/stranger") },
      { what: "a member of another trust domain", svid: await other.issue("/db") },
      { what: "a forged one", svid: await forged.issue("/db") },
      { what: "a public CA's for the host", svid: await passerBy.issue("/db", { dnsNames: ["localhost"] }) },
      { what: "an expired one", svid: await ca.issue("/db", { notAfterMs: Date.now() - 1000 }) },
    ];
  });
  after(() => web[Symbol.asyncDispose]());

  for (const { name, connect, negotiate, refuseTls, greeting, says } of clientPaths) {
    const start = {
      ...(negotiate === undefined ? {} : { negotiate }),
      ...(greeting === undefined ? {} : { greeting }),
    };

    it(`hears nothing from ${name}, where the right one does`, async () => {
      for (const { what, svid } of servers) {
        await using server = await EavesdroppingServer.start({ ...start, svid });
        await assertRefused(connect(web.source, server.port), refusal, what);
        assert.equal(server.heard, "", what);
      }
      await using old = await EavesdroppingServer.start({
        ...start,
        svid: await ca.issue("/db"),
        tls: { maxVersion: "TLSv1.2" },
      });
      await assertRefused(connect(web.source, old.port), /protocol.version|does not speak TLS 1\.3/i, "TLS 1.2");
      assert.equal(old.heard, "");
      await using right = await EavesdroppingServer.start({ ...start, svid: await ca.issue("/db") });
      const ending = connect(web.source, right.port).catch(() => {});
      await right.hears(says);
      await right[Symbol.asyncDispose]();
      await ending;
    });

    if (refuseTls !== undefined) {
      it(`hears nothing in the clear from ${name}`, async () => {
        await using server = await EavesdroppingServer.start({ svid: await ca.issue("/db"), negotiate: refuseTls });
        await assert.rejects(connect(web.source, server.port));
        assert.doesNotMatch(server.heardInTheClear, /correct-horse/);
      });
    }
  }
});
