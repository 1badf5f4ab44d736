import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { createConnection } from "mysql2/promise";
import { Client } from "pg";
import { answerSslRequest, mysqlGreeting, readBytes } from "../../test/fakes/database-greetings.ts";
import { EavesdroppingServer } from "../../test/fakes/eavesdropping-server.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { WorkloadSide } from "../../test/fakes/workload-side.ts";
import { id, kafkajsOptions, mysql2Options, nodemailerOptions, pgOptions, tlsOptions } from "../index.ts";

const isDb = { authorize: id("spiffe://one.test/db") };

describe("a protocol that begins in the clear", () => {
  let ca: TestCa;
  let web: WorkloadSide;
  before(async () => {
    ca = await TestCa.create("one.test");
    web = await WorkloadSide.start(ca, "/web");
  });
  after(() => web[Symbol.asyncDispose]());

  const serve = async (negotiate: (socket: Socket) => Promise<boolean>): Promise<EavesdroppingServer> =>
    EavesdroppingServer.start({ svid: await ca.issue("/db"), negotiate });
  const pg = (port: number, more: object = {}): Promise<unknown> =>
    new Client({
      host: "127.0.0.1",
      port,
      user: "me",
      password: "secret",
      ...pgOptions(web.source, isDb),
      ...more,
    }).connect();
  const mysql = (port: number, more: object = {}): Promise<unknown> =>
    createConnection({ host: "127.0.0.1", port, user: "me", ...mysql2Options(web.source, isDb), ...more });

  it("takes nothing that was slipped in before TLS for the server's word", async () => {
    await using postgres = await serve(async (socket) => {
      await answerSslRequest(socket, "SR\0\0\0\x08\0\0\0\0");
      return true;
    });
    await assert.rejects(pg(postgres.port), { code: "ERR_CONNECT_FAILED", message: /more than its answer/ });
    await using mariadb = await serve(async (socket) => {
      socket.write(Buffer.concat([mysqlGreeting(true), Buffer.from([1, 0, 0, 1, 0])]));
      return true;
    });
    await assert.rejects(mysql(mariadb.port), { code: "ERR_CONNECT_FAILED", message: /more than its greeting/ });
    assert.equal(postgres.heard + mariadb.heard, "");
  });

  it("fails where the server has no TLS, or no time, or hangs up", async () => {
    const refuse = (what: Buffer | string) => async (socket: Socket) => {
      socket.end(what);
      return false;
    };
    for (const answer of ["N", "E", "", "\x16"]) {
      await using server = await serve(refuse(answer));
      await assert.rejects(pg(server.port), { code: "ERR_CONNECT_FAILED" });
    }
    const tooMany = Buffer.from("\x09\0\0\0\xff\x10\x04no more", "latin1");
    const bare = Buffer.from("\x01\0\0\0\xff", "latin1");
    for (const answer of [
      tooMany,
      bare,
      mysqlGreeting(false),
      Buffer.alloc(0),
      Buffer.from("HTTP/1.1 400 x\r\n\r\n"),
    ]) {
      await using server = await serve(refuse(answer));
      await assert.rejects(mysql(server.port), { code: "ERR_CONNECT_FAILED" });
    }
    await assert.rejects(pg(1), { code: "ERR_CONNECT_FAILED" });
  });

  it("waits for no greeting of MySQL that is longer than any", async () => {
    await using endless = await serve(async (socket) => {
      socket.write(Buffer.from("\x01\0\x01\0\x0a8.0.0\0", "latin1"));
      return false;
    });
    await assert.rejects(mysql(endless.port), { code: "ERR_CONNECT_FAILED", message: /no greeting of MySQL/ });
  });

  it("ends the connection when the library gives up waiting", async () => {
    let gone: Promise<unknown> = Promise.resolve();
    await using mute = await serve(async (socket) => {
      gone = once(socket.resume(), "close");
      return false;
    });
    await assert.rejects(pg(mute.port, { connectionTimeoutMillis: 50 }));
    await assert.rejects(mysql(mute.port, { connectTimeout: 50 }), { code: "ETIMEDOUT" });
    await gone;
  });

  it("comes to no connection where the library is told to begin TLS, too", async () => {
    await using mariadb = await serve(async (socket) => {
      socket.write(mysqlGreeting(true));
      return false;
    });
    await assert.rejects(mysql(mariadb.port, { ssl: {} }), { message: /leave `ssl` out/ });
    await using postgres = await serve(async (socket) => {
      await answerSslRequest(socket, "S");
      return true;
    });
    // mysql2's own TLS drops verifier and context, and then there is no root to trust.
    await using right = await serve(async (socket) => {
      socket.write(mysqlGreeting(true));
      await readBytes(socket, 36);
      return true;
    });
    const ssl = tlsOptions(web.source, isDb);
    const alone = createConnection({ host: "127.0.0.1", port: right.port, user: "me", ssl });
    await assert.rejects(alone, { code: "HANDSHAKE_SSL_ERROR" });
    assert.equal(right.heard, "");
    const refused = pg(postgres.port, { ssl: {} });
    // pg asks a second time, inside; a PostgreSQL server refuses that.
    await postgres.hears("\x04\xd2\x16\x2f");
    await postgres[Symbol.asyncDispose]();
    await assert.rejects(refused);
    await assert.rejects(pg(1, { host: "/var/run/postgresql" }), TypeError);
    assert.equal(mariadb.heardInTheClear + mariadb.heard, "");
  });

  it("sends the password of MySQL in full only inside TLS", async () => {
    await using server = await EavesdroppingServer.start({
      svid: await ca.issue("/db"),
      negotiate: async (socket) => {
        socket.write(mysqlGreeting(true, "caching_sha2_password"));
        await readBytes(socket, 36);
        return true;
      },
      // "Say the password": for a login that the server has not cached.
      greeting: Buffer.from([2, 0, 0, 3, 1, 4]),
    });
    const login = mysql(server.port, { password: "secret" }).catch(() => {});
    await server.hears("\x07\0\0\x04secret\0");
    await server[Symbol.asyncDispose]();
    await login;
  });

  it("cannot be had without an authoriser, nor for pg's native client", () => {
    for (const make of [pgOptions, mysql2Options, kafkajsOptions, nodemailerOptions]) {
      // @ts-expect-error JavaScript callers can forget it.
      assert.throws(() => make(web.source, {}), TypeError);
    }
    process.env["NODE_PG_FORCE_NATIVE"] = "1";
    try {
      assert.throws(() => pgOptions(web.source, isDb), TypeError);
    } finally {
      delete process.env["NODE_PG_FORCE_NATIVE"];
    }
  });
});
