import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { encodePem } from "../../certs/index.ts";
import { healthService } from "../../proto/services.ts";
import { TestPki } from "../../test/fakes/test-pki.ts";
import { dialTls } from "../index.ts";

const pki = TestPki.create("a.org");

describe("keep-alive", () => {
  it("finds a server that went silent behind an open connection", async () => {
    const { chain, key } = pki.issue("/spire/server");
    // Shakes hands and never says a word again.
    const tls = createTlsServer({
      cert: chain.map((der) => encodePem("CERTIFICATE", der)).join(""),
      key: key.export({ type: "pkcs8", format: "pem" }),
      ALPNProtocols: ["h2"],
    });
    const sockets: Socket[] = [];
    const tcp = createServer((socket) => {
      sockets.push(socket);
      tls.emit("connection", socket);
    }).listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const address = tcp.address();
    assert.ok(typeof address === "object" && address !== null);
    const channel = dialTls({
      address: { host: "127.0.0.1", port: address.port },
      verifyServer: pki.verify,
      keepAlive: { everyMs: 40, timeoutMs: 40 },
    });
    await assert.rejects(
      async () => {
        for await (const _answer of channel.serverStream(healthService.Watch, {}));
      },
      { code: "ERR_CONNECTION_LOST", message: /ping/ },
    );
    channel.close();
    for (const socket of sockets) socket.destroy();
    tcp.close();
  });
});
