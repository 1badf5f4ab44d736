import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { request } from "node:https";
import type { Server } from "node:net";
import { after, before, describe, it } from "node:test";
import { connect, createServer } from "node:tls";
import { encodePem } from "../../certs/index.ts";
import type { X509Svid } from "../../spiffe/index.ts";
import { addEcho, EchoClient } from "../../test/fakes/grpc-echo.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../../test/fakes/workload-side.ts";
import { createGrpcServer, grpcChannelCredentials } from "../grpc/index.ts";
import {
  connectHttp2,
  connectTls,
  createHttp2SecureServer,
  createHttpsAgent,
  createHttpsServer,
  createTlsServer,
  id,
} from "../index.ts";

/** What an http2 client says first: preface, SETTINGS and HEADERS of GET https://x/, before any answer. */
const http2Early = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from("000000040000000000", "hex"),
  Buffer.from("000006010500000001828784410178", "hex"),
]);
/** The same of a gRPC client: HEADERS of a call of test.Echo/Unary, and its message "x". */
const grpcEarly = ((): Buffer => {
  const text = (value: string): Buffer => Buffer.from([value.length, ...Buffer.from(value)]);
  const path = [0x83, 0x87, 0x04, ...text("/test.Echo/Unary"), 0x01, ...text("x")];
  const headers = Buffer.from([
    ...path,
    0x0f,
    0x10,
    ...text("application/grpc"),
    0x00,
    ...text("te"),
    ...text("trailers"),
  ]);
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Buffer.from("000000040000000000", "hex"),
    Buffer.from([0, 0, headers.length, 1, 4, 0, 0, 0, 1]),
    headers,
    Buffer.from("000006000100000001000000000178", "hex"),
  ]);
})();
const http1Early = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

interface Listening {
  readonly port: number;
  readonly close: () => void;
}

async function listening(server: Server): Promise<Listening> {
  return { port: await portOf(server), close: () => server.close() };
}

interface ServerPath {
  readonly name: string;
  readonly alpn: string | undefined;
  readonly early: string | Buffer;
  readonly create: (side: WorkloadSide, onTaken: () => void) => Promise<Listening>;
}

const expected = id("spiffe://one.test/web");
const serverPaths: readonly ServerPath[] = [
  {
    name: "createHttpsServer",
    alpn: "http/1.1",
    early: http1Early,
    create: ({ source }, onTaken) =>
      listening(
        createHttpsServer(source, { authorize: expected }, (_request: IncomingMessage, response: ServerResponse) => {
          onTaken();
          response.end("served");
        }),
      ),
  },
  {
    name: "createHttp2SecureServer",
    alpn: "h2",
    early: http2Early,
    create: ({ source }, onTaken) =>
      listening(
        createHttp2SecureServer(source, { authorize: expected }, (_request, response) => {
          onTaken();
          response.end("served");
        }),
      ),
  },
  {
    name: "createTlsServer",
    alpn: undefined,
    early: "hello",
    create: ({ source }, onTaken) =>
      listening(
        createTlsServer(source, { authorize: expected }, (socket) => {
          socket.once("data", () => {
            onTaken();
            socket.end("served");
          });
        }),
      ),
  },
  {
    name: "createGrpcServer",
    alpn: "h2",
    early: grpcEarly,
    create: async ({ source }, onTaken) => {
      const server = createGrpcServer(source, { authorize: expected });
      addEcho(server, () => {
        onTaken();
        return "served";
      });
      const { port } = await server.listen(0, "127.0.0.1");
      return { port, close: () => server.forceShutdown() };
    },
  },
];

interface ClientPath {
  readonly name: string;
  readonly alpn: string | undefined;
  readonly connect: (side: WorkloadSide, port: number) => Promise<unknown>;
}

const wanted = { authorize: id("spiffe://one.test/db") };
const clientPaths: readonly ClientPath[] = [
  {
    name: "createHttpsAgent",
    alpn: "http/1.1",
    connect: ({ source }, port) =>
      new Promise((resolve, reject) => {
        const agent = createHttpsAgent(source, wanted);
        const headers = { authorization: "Bearer secret" };
        request({ host: "127.0.0.1", port, agent, headers }, resolve).on("error", reject).end("secret");
      }),
  },
  {
    name: "source.fetch",
    alpn: "http/1.1",
    connect: ({ source }, port) =>
      source.fetch(`https://127.0.0.1:${port}/`, { ...wanted, method: "POST", body: "secret" }),
  },
  {
    name: "connectHttp2",
    alpn: "h2",
    connect: ({ source }, port) => connectHttp2(source, `https://127.0.0.1:${port}`, wanted),
  },
  {
    name: "connectTls",
    alpn: undefined,
    connect: ({ source }, port) => connectTls(source, { host: "127.0.0.1", port, ...wanted }),
  },
  {
    name: "grpcChannelCredentials",
    alpn: "h2",
    connect: async ({ source }, port) => {
      const client = new EchoClient(port, grpcChannelCredentials(source, wanted));
      // grpc-js has its own codes; ours stands in the details.
      const code = await client.unary("secret").catch((error: unknown) => /ERR_\w+/.exec(String(error))?.[0]);
      client.close();
      return code === "ERR_PEER_NOT_VERIFIED" ? Promise.reject(Object.assign(new Error(), { code })) : code;
    },
  },
];

function pem(svid: X509Svid): { readonly cert: string; readonly key: string | Buffer } {
  return {
    cert: svid.chain.map(({ der }) => encodePem("CERTIFICATE", der)).join(""),
    key: svid.key.export({ type: "pkcs8", format: "pem" }),
  };
}

/** Sends its first words in the flight of its certificate, as TLS 1.3 allows, and says what it heard till the end. */
async function speakEarly(port: number, path: ServerPath, svid: X509Svid | undefined): Promise<Buffer> {
  const heard: Buffer[] = [];
  const socket = connect({
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
    ...(path.alpn === undefined ? {} : { ALPNProtocols: [path.alpn] }),
    ...(svid === undefined ? {} : pem(svid)),
  });
  socket.write(path.early);
  socket.on("data", (chunk) => {
    heard.push(chunk);
    // Served: it has what it can get.
    if (Buffer.concat(heard).includes("served")) socket.destroy();
  });
  socket.on("error", () => {});
  await once(socket, "close");
  return Buffer.concat(heard);
}

describe("a hostile peer that speaks early", () => {
  let ca: TestCa;
  let forged: TestCa;
  let db: WorkloadSide;
  let web: WorkloadSide;
  before(async () => {
    ca = await TestCa.create("one.test");
    forged = await TestCa.create("one.test");
    db = await WorkloadSide.start(ca, "/db");
    web = await WorkloadSide.start(ca, "/web");
  });
  after(async () => {
    await db[Symbol.asyncDispose]();
    await web[Symbol.asyncDispose]();
  });

  for (const path of serverPaths) {
    it(`gets nothing from ${path.name} and nothing into it, where the right peer is served`, async () => {
      let taken = 0;
      const { port, close } = await path.create(db, () => {
        taken += 1;
      });
      const strangers = [undefined, await ca.issue("/stranger"), await forged.issue("/web")];
      for (const stranger of strangers) assert.equal((await speakEarly(port, path, stranger)).length, 0);
      assert.equal(taken, 0);
      assert.match((await speakEarly(port, path, await ca.issue("/web"))).toString("latin1"), /served/);
      assert.equal(taken, 1);
      close();
    });
  }

  for (const { name, alpn, connect: connectTo } of clientPaths) {
    it(`hears nothing from ${name} and cannot make it listen`, async () => {
      for (const svid of [await ca.issue("/stranger"), await forged.issue("/db")]) {
        let heard = "";
        const server = createServer({
          ...pem(svid),
          ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
          requestCert: true,
          rejectUnauthorized: false,
        });
        const over = new Promise<void>((resolve) => {
          server.on("secureConnection", (socket) => {
            socket.write(alpn === "h2" ? Buffer.from("000000040000000000", "hex") : "HTTP/1.1 200 OK\r\n\r\n");
            socket.on("data", (chunk) => {
              heard += chunk;
            });
            socket.on("error", () => {}).on("close", () => resolve());
          });
          server.on("tlsClientError", () => resolve());
        });
        const port = await portOf(server);
        await assert.rejects(connectTo(web, port), { code: "ERR_PEER_NOT_VERIFIED" });
        await over;
        assert.equal(heard, "");
        server.close();
      }
    });
  }
});
