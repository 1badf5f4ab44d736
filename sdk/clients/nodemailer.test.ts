import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { createTransport } from "nodemailer";
import { EavesdroppingServer } from "../../test/fakes/eavesdropping-server.ts";
import { createPublicCa } from "../../test/fakes/public-ca.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../../test/fakes/workload-side.ts";
import { memberOf, nodemailerOptions } from "../index.ts";

describe("nodemailer with a proxy, which replaces our connection", () => {
  it("tells nothing to a server with a certificate of the web, nor to one without TLS", async () => {
    const ca = await TestCa.create("one.test");
    await using web = await WorkloadSide.start(ca, "/web");
    const passerBy = await createPublicCa("one.test");
    const svid = await passerBy.issue("/db", { dnsNames: ["localhost"] });
    await using server = await EavesdroppingServer.start({ svid, greeting: "220 mail ESMTP\r\n" });
    await using plain = await EavesdroppingServer.start({
      svid,
      negotiate: async (socket) => {
        socket.write("220 mail ESMTP\r\n");
        await once(socket, "data");
        socket.write("250 AUTH PLAIN\r\n");
        return false;
      },
    });
    const proxied: string[] = [];
    const proxy = createServer().on("connect", ({ url = "" }, socket) => {
      proxied.push(url);
      const onward = connect(Number(url.split(":")[1]), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      for (const end of [onward, socket]) end.on("error", () => {}).on("close", () => onward.destroy());
    });
    const through = {
      ...nodemailerOptions(web.source, { authorize: memberOf("one.test") }),
      proxy: `http://127.0.0.1:${await portOf(proxy)}/`,
      host: "localhost",
      auth: { user: "me", pass: "correct-horse" },
      socketTimeout: 1000,
    };
    await assert.rejects(createTransport({ ...through, port: server.port }).verify());
    await assert.rejects(createTransport({ ...through, port: server.port, pool: true }).verify());
    await assert.rejects(createTransport({ ...through, port: plain.port, secure: false }).verify());
    assert.deepEqual(
      proxied,
      [server, server, plain].map(({ port }) => `localhost:${port}`),
    );
    assert.equal(server.heard, "");
    assert.doesNotMatch(plain.heardInTheClear, /AUTH/);
    proxy.close();
  });
});
