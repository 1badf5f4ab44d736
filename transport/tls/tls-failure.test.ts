import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createTcpServer, type Server } from "node:net";
import { describe, it } from "node:test";
import { createServer } from "node:tls";
import { connectVerifiedTls } from "./index.ts";
import { endBeforeAnswer, handshakeFailure, refusedByAlert } from "./tls-failure.ts";

/** As Node makes them of OpenSSL's. */
function openSslError(code: string, reason: string): Error {
  const message = `40AD429D2B7F0000:error:0A000412:SSL routines:ssl3_read_bytes:${reason}:../ssl/rec_layer_s3.c:918:`;
  return Object.assign(new Error(message), { code, reason });
}

const certificateRequired = openSslError(
  "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
  "tlsv13 alert certificate required",
);

async function refusalOf(server: Server): Promise<unknown> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const verifyPeer = (): never => assert.fail("there is nobody to verify");
  const target = { host: "127.0.0.1", port, verifyPeer, alpnProtocols: [] };
  const refusal: unknown = await connectVerifiedTls(target).catch((error: unknown) => error);
  server.close();
  return refusal;
}

describe("failures of TLS", () => {
  it("are told in plain words, OpenSSL's own as the cause", async () => {
    const http = await refusalOf(createTcpServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    const old = await refusalOf(createServer({ maxVersion: "TLSv1.2", ciphers: "aNULL:@SECLEVEL=0" }));
    for (const [refusal, words] of [
      [http, /^cannot connect to 127\.0\.0\.1:\d+: what the other side says is not TLS$/],
      [old, /^cannot connect to 127\.0\.0\.1:\d+: the other side (does not speak TLS 1\.3|sent the TLS alert ".+")$/],
    ] as const) {
      assert.ok(refusal instanceof Error && "code" in refusal && refusal.cause instanceof Error);
      assert.equal(refusal.code, "ERR_CONNECT_FAILED");
      assert.match(refusal.message, words);
      assert.match(String(Reflect.get(refusal.cause, "code")), /^ERR_SSL_/);
    }
    const failure = handshakeFailure(certificateRequired);
    assert.deepEqual([Reflect.get(failure, "code"), failure.cause], ["ERR_TLS_HANDSHAKE", certificateRequired]);
    assert.equal(failure.message, 'the other side sent the TLS alert "certificate required"');
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    assert.equal(handshakeFailure(reset), reset);
  });

  it("after the handshake are refusals where there is an alert, else ends that may be refusals", () => {
    const text = 'the other side refused us after the handshake, by the TLS alert "certificate required"';
    for (const refused of [refusedByAlert(certificateRequired), endBeforeAnswer(certificateRequired)]) {
      assert.deepEqual([refused?.code, refused?.message], ["ERR_REFUSED_BY_PEER", text]);
      assert.equal(refused?.cause, certificateRequired);
    }
    for (const code of ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]) {
      const ended = Object.assign(new Error("other side closed"), { code });
      assert.equal(endBeforeAnswer(ended)?.code, "ERR_CONNECTION_LOST");
      assert.equal(refusedByAlert(ended), undefined);
    }
    const others = [
      undefined,
      "ECONNRESET",
      new Error("x"),
      Object.assign(new Error("x"), { code: "UND_ERR_BODY_TIMEOUT" }),
    ];
    for (const other of others) assert.equal(endBeforeAnswer(other), undefined);
  });
});
