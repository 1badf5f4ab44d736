import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, createServer, type SecureVersion, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Certificate, encodePem } from "../../certs/index.ts";
import { agentService, entryService, healthService } from "../../proto/services.ts";
import { TestPki } from "../../test/fakes/test-pki.ts";
import { frameMessage } from "../grpc/frame.ts";
import {
  type DialTlsOptions,
  dialTls,
  listenTls,
  type Peer,
  RpcRouter,
  type TlsIdentity,
  type TlsListener,
  type TlsListenerOptions,
  transportLimits,
} from "../index.ts";
import { connectVerifiedTls, createVerifiedTlsServer } from "./index.ts";

const host = "127.0.0.1";
const pki = TestPki.create("a.org");

function whoAmI(seen: (peer: Peer) => void = () => {}): RpcRouter {
  return new RpcRouter()
    .unary(entryService.GetEntry, async (_request, { peer }) => {
      seen(peer);
      return { id: peer.kind === "tls" ? (peer.svid?.id.toString() ?? "anonymous") : "" };
    })
    .serverStream(healthService.Watch, async (_request, context, sink) => {
      await sink.send({ status: 1 });
      await new Promise((_resolve, reject) =>
        context.signal.addEventListener("abort", () => reject(context.signal.reason)),
      );
    });
}

function serve(options: Partial<TlsListenerOptions> = {}): Promise<TlsListener> {
  const identity = pki.issue("/spire/server");
  return listenTls({ host, port: 0, router: whoAmI(), identity: () => identity, verifyPeer: pki.verify, ...options });
}

async function ask(listener: TlsListener, options: Partial<DialTlsOptions> = {}): Promise<string> {
  const channel = dialTls({ address: listener.address, verifyServer: pki.verify, ...options });
  try {
    return (await channel.unary(entryService.GetEntry, {})).id;
  } finally {
    channel.close();
  }
}

/** A bare TLS client, for what `dialTls` never does. Resolves when the server closed, with what it sent. */
async function bareClient(
  listener: { readonly address: { readonly port: number } },
  options: {
    readonly identity?: TlsIdentity;
    readonly maxVersion?: SecureVersion;
    readonly alpn?: string;
    readonly send?: string;
  },
): Promise<{ readonly error: unknown; readonly received: string; readonly isOpen: boolean }> {
  const { identity, maxVersion, alpn, send } = options;
  const socket = connect({
    host,
    port: listener.address.port,
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    rejectUnauthorized: false,
    ...(identity === undefined ? {} : pemOf(identity)),
  });
  let error: unknown;
  let received = "";
  let isOpen = false;
  socket.on("error", (cause) => {
    error = cause;
  });
  socket.on("secureConnect", () => {
    isOpen = true;
    if (send !== undefined) socket.write(send);
  });
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
  });
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { error, received, isOpen };
}

function pemOf({ chain, key }: TlsIdentity): { readonly cert: string; readonly key: string | Buffer } {
  const cert = chain.map((der) => encodePem("CERTIFICATE", der)).join("");
  return { cert, key: key.export({ type: "pkcs8", format: "pem" }) };
}

describe("a client over TLS", () => {
  it("is known by its SPIFFE ID, and its whole chain with intermediates is there", async () => {
    const peers: Peer[] = [];
    await using listener = await serve({ router: whoAmI((peer) => peers.push(peer)) });
    const identity = pki.intermediate().intermediate().issue("/agent");
    assert.equal(await ask(listener, { identity: () => identity }), "spiffe://a.org/agent");
    const [peer] = peers;
    assert.ok(peer?.kind === "tls");
    assert.deepEqual(
      peer.svid?.path.map(({ der }) => Buffer.from(der)),
      [...identity.chain, pki.root.der].map((der) => Buffer.from(der)),
    );
    assert.equal(peer.address, host);
  });

  it("cannot claim another authority by what it sends besides its chain", async () => {
    const peers: Peer[] = [];
    await using listener = await serve({ router: whoAmI((peer) => peers.push(peer)) });
    const { chain, key } = pki.issue("/agent");
    const forged = pki.crossSignedBy(TestPki.create("a.org", "2"));
    await ask(listener, { identity: () => ({ chain: [...chain, forged.der], key }) });
    const [peer] = peers;
    assert.ok(peer?.kind === "tls");
    assert.deepEqual(
      peer.svid?.path.map(({ serialNumber }) => serialNumber),
      [Certificate.parse(chain[0] ?? new Uint8Array()).serialNumber, pki.root.serialNumber],
    );
  });

  it("may be anonymous", async () => {
    await using listener = await serve();
    assert.equal(await ask(listener), "anonymous");
  });

  const strangers: readonly (readonly [string, TlsIdentity])[] = [
    ["of an unknown trust domain", TestPki.create("b.org").issue("/agent")],
    ["of a forged CA with the right name", TestPki.create("a.org").issue("/agent")],
    ["that has expired", pki.issue("/agent", Date.now() - 1_000)],
    ["without its intermediate", withoutIntermediates(pki.intermediate().issue("/agent"))],
  ];
  for (const [what, identity] of strangers) {
    it(`is refused with a certificate ${what}, not taken for anonymous`, async () => {
      const seen: Peer[] = [];
      await using listener = await serve({ router: whoAmI((peer) => seen.push(peer)) });
      await assert.rejects(ask(listener, { identity: () => identity }), { status: "unavailable" });
      assert.equal(await ask(listener), "anonymous");
      assert.equal(seen.length, 1);
    });
  }

  it("is refused with a key that is not the certificate's", async () => {
    await using listener = await serve();
    const stolen = { chain: pki.issue("/agent").chain, key: pki.issue("/other").key };
    await assert.rejects(ask(listener, { identity: () => stolen }));
  });

  it("is refused with TLS 1.2", async () => {
    await using listener = await serve();
    const { error, isOpen } = await bareClient(listener, { maxVersion: "TLSv1.2", alpn: "h2" });
    assert.equal(isOpen, false);
    assert.match(String(error), /alert protocol version|ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION/);
  });

  it("is refused without ALPN h2", async () => {
    await using listener = await serve();
    assert.equal((await bareClient(listener, {})).received, "");
    assert.equal((await bareClient(listener, { alpn: "http/1.1" })).isOpen, false);
  });

  it("never resumes a session", async () => {
    const peers: Peer[] = [];
    await using listener = await serve({ router: whoAmI((peer) => peers.push(peer)) });
    const sessions: Buffer[] = [];
    const open = async (session: Buffer | undefined): Promise<TLSSocket> => {
      const socket = connect({
        host,
        port: listener.address.port,
        ALPNProtocols: ["h2"],
        rejectUnauthorized: false,
        ...pemOf(pki.issue("/agent")),
        ...(session === undefined ? {} : { session }),
      });
      socket.on("session", (ticket) => sessions.push(ticket)).on("error", () => {});
      await once(socket, "secureConnect");
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      // The server's SETTINGS come after any ticket it would have sent.
      await once(socket, "data");
      return socket;
    };
    const first = await open(undefined);
    first.destroy();
    const again = await open(sessions[0] ?? first.getSession());
    assert.equal(again.isSessionReused(), false);
    again.destroy();
  });
});

function withoutIntermediates({ chain, key }: TlsIdentity): TlsIdentity {
  return { chain: chain.slice(0, 1), key };
}

describe("a server over TLS", () => {
  it("of the right trust domain is accepted, by IP address and by name", async () => {
    await using listener = await serve({ identity: () => pki.intermediate().issue("/spire/server") });
    assert.equal(await ask(listener), "anonymous");
    assert.equal(await ask(listener, { address: { host: "localhost", port: listener.address.port } }), "anonymous");
  });

  for (const [what, identity] of [
    ["of another trust domain", TestPki.create("b.org").issue("/spire/server")],
    ["of a forged CA with the right name", TestPki.create("a.org").issue("/spire/server")],
  ] as const) {
    it(`${what} gets no byte of a call`, async () => {
      await using hostile = await HostileServer.start(identity);
      const channel = dialTls({ address: hostile.address, verifyServer: pki.verify });
      const token = { params: { data: { type: "join_token", payload: Buffer.from("the-secret-token") } } };
      const call = channel.bidi(agentService.AttestAgent, { metadata: { "x-secret": "token" } });
      call.send(token);
      await assert.rejects(firstOf(call.responses), { code: "ERR_PEER_NOT_VERIFIED" });
      await assert.rejects(channel.unary(entryService.GetEntry, {}), { code: "ERR_PEER_NOT_VERIFIED" });
      channel.close();
      await hostile.quiet(2);
      assert.equal(hostile.received.length, 0);
    });
  }

  it("that is accepted does get the call, seen by the same recorder", async () => {
    await using hostile = await HostileServer.start(pki.issue("/spire/server"));
    const channel = dialTls({ address: hostile.address, verifyServer: pki.verify });
    await assert.rejects(channel.unary(entryService.GetEntry, {}, { timeoutMs: 200 }));
    channel.close();
    await hostile.quiet(1);
    assert.match(hostile.received.toString("latin1"), /^PRI \* HTTP\/2\.0/);
  });

  it("that does not answer, refuses, or speaks no TLS ends in ConnectFailed", async () => {
    const sockets: Socket[] = [];
    const mute = createTcpServer((socket) => sockets.push(socket.on("error", () => {}))).listen(0, host);
    await once(mute, "listening");
    const address = mute.address();
    assert.ok(typeof address === "object" && address !== null);
    const dial = (connectTimeoutMs: number) =>
      dialTls({ address: { host, port: address.port }, verifyServer: pki.verify, connectTimeoutMs });
    const failed = { code: "ERR_CONNECT_FAILED", status: "unavailable" };
    await assert.rejects(dial(80).unary(entryService.GetEntry, {}), failed);
    mute.once("connection", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await assert.rejects(dial(2_000).unary(entryService.GetEntry, {}), failed);
    mute.once("connection", (socket) => socket.destroy());
    await assert.rejects(dial(2_000).unary(entryService.GetEntry, {}), failed);
    for (const socket of sockets) socket.destroy();
    mute.close();
    await once(mute, "close");
    await assert.rejects(dial(2_000).unary(entryService.GetEntry, {}), failed);
  });

  it("shows its new identity on new connections and keeps open streams", async () => {
    let identity = pki.issue("/spire/server");
    await using listener = await serve({ identity: () => identity });
    const serials: string[] = [];
    const verifyServer: DialTlsOptions["verifyServer"] = (chain) => {
      pki.verify(chain);
      serials.push(chain[0]?.serialNumber ?? "");
    };
    const channel = dialTls({ address: listener.address, verifyServer });
    const stream = channel.serverStream(healthService.Watch, {})[Symbol.asyncIterator]();
    await stream.next();
    identity = pki.issue("/spire/server");
    listener.updateIdentity();
    await ask(listener, { verifyServer });
    assert.equal(await channel.unary(entryService.GetEntry, {}).then(({ id }) => id), "anonymous");
    assert.equal(serials.length, 2);
    assert.notEqual(serials[0], serials[1]);
    assert.equal(listener.calls(), 1);
    channel.close();
  });

  it("keeps its old identity when the new one is unusable", async () => {
    let identity = pki.issue("/spire/server");
    await using listener = await serve({ identity: () => identity });
    identity = { chain: [new Uint8Array([1])], key: identity.key };
    assert.throws(() => listener.updateIdentity());
    assert.equal(await ask(listener), "anonymous");
  });
});

describe("the limits of a TLS listener", () => {
  const limits = { ...transportLimits.tcp, handshakeTimeoutMs: 150, idleTimeoutMs: 300 };

  it("cut off a client that does not finish its handshake in time", async () => {
    await using listener = await serve({ limits });
    const socket = connectTcp(listener.address.port, host).on("error", () => {});
    socket.resume();
    await once(socket, "close");
  });

  it("cut off a client that says nothing after the handshake", async () => {
    await using listener = await serve({ limits });
    assert.equal((await bareClient(listener, { alpn: "h2" })).isOpen, true);
  });

  it("hold unfinished handshakes at the limit, and let the oldest give way to who comes", async () => {
    const slow = { ...limits, maxHalfOpen: 2, handshakeTimeoutMs: 60_000 };
    await using listener = await serve({ limits: slow });
    const silent: Socket[] = [];
    for (let count = 0; count < 3; count += 1) {
      const socket = connectTcp(listener.address.port, host).on("error", () => {});
      await once(socket.resume(), "connect");
      silent.push(socket);
    }
    const [first, second, third] = silent;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    if (!first.closed) await once(first, "close");
    const dropped = once(second, "close");
    assert.equal(await ask(listener), "anonymous");
    await dropped;
    assert.equal(third.closed, false);
    third.destroy();
  });

  it("hold the calls of strangers from one address at the limit, and those of agents not", async () => {
    await using listener = await serve();
    const sessions = Array.from({ length: 11 }, () =>
      connectHttp2(`https://${host}:${listener.address.port}`, { rejectUnauthorized: false }).on("error", () => {}),
    );
    const statuses: unknown[] = [];
    for (const [index, session] of sessions.entries()) {
      for (let call = 0; call < (index < 10 ? 100 : 30); call += 1) {
        const path = healthService.Watch.path;
        const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
        stream.on("error", () => {});
        stream.on("response", (headers) => statuses.push(headers["grpc-status"])).resume();
        stream.end(frameMessage(new Uint8Array()));
      }
    }
    while (statuses.length < 1_030) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(statuses.filter((status) => status === "8").length, 1_030 - transportLimits.strangersCallsPerAddress);
    await assert.rejects(ask(listener), { code: "ERR_TOO_MANY_STREAMS" });
    const identity = pki.issue("/agent");
    assert.equal(await ask(listener, { identity: () => identity }), "spiffe://a.org/agent");
    for (const session of sessions) session.destroy();
    await eventually(() => ask(listener));
  });

  it("hold connections per address at the limit", async () => {
    await using listener = await serve({ limits: { ...limits, maxConnectionsPerPeer: 2, idleTimeoutMs: 60_000 } });
    const open = Array.from({ length: 2 }, () => dialTls({ address: listener.address, verifyServer: pki.verify }));
    for (const channel of open) await channel.unary(entryService.GetEntry, {});
    await assert.rejects(ask(listener), { code: "ERR_CONNECT_FAILED" });
    open[0]?.close();
    await eventually(() => ask(listener));
    open[1]?.close();
  });

  it("survive garbage instead of a handshake", async () => {
    await using listener = await serve({ limits });
    for (const noise of [
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.alloc(3_000, 0x16),
      Buffer.from("16030100", "hex"),
    ]) {
      const socket = connectTcp(listener.address.port, host).on("error", () => {});
      socket.resume();
      socket.end(noise);
      await once(socket, "close");
    }
    assert.equal(await ask(listener), "anonymous");
  });
});

describe("listenTls()", () => {
  it("says when the address is taken", async () => {
    await using listener = await serve();
    await assert.rejects(serve({ port: listener.address.port }), { code: "ERR_LISTEN_FAILED" });
  });
});

describe("NODE_EXTRA_CA_CERTS", () => {
  it("naming a forged root of the right name makes nobody trusted, on neither side", async () => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-"));
    const forged = TestPki.create("a.org");
    const file = join(folder, "forged.pem");
    writeFileSync(file, encodePem("CERTIFICATE", forged.root.der));
    const identities = join(folder, "identities.json");
    const [server, client] = [forged.issue("/spire/server"), forged.issue("/agent")].map(pemOf);
    writeFileSync(identities, JSON.stringify({ server, client }));
    const script = fileURLToPath(new URL("../../test/fixtures/extra-ca.ts", import.meta.url));
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [script, identities], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: file },
    });
    assert.deepEqual(JSON.parse(stdout), {
      client: "ERR_PEER_NOT_VERIFIED",
      server: "unavailable",
      good: "spiffe://a.org/agent",
    });
    rmSync(folder, { recursive: true });
  });
});

describe("verified TLS without gRPC", () => {
  it("hands over a connection only after both sides agreed", async () => {
    const identity = pki.issue("/web");
    const seen: string[] = [];
    const server = createVerifiedTlsServer({
      identity: () => identity,
      clientCertificate: "required",
      verifyPeer: pki.verify,
      alpnProtocols: ["http/1.1"],
      limits: { handshakeTimeoutMs: 1_000, maxHalfOpen: 10, maxConnections: 10, maxConnectionsPerAddress: 10 },
      onConnection: ({ socket, client }) => {
        seen.push(client?.verified.id.toString() ?? "");
        socket.end("hello");
      },
      onRefused: (reason) => seen.push(reason),
    });
    const { port } = await server.listen({ host, port: 0 });
    const options = { host, port, verifyPeer: pki.verify, alpnProtocols: ["http/1.1"] };
    const { socket, verified } = await connectVerifiedTls({ ...options, identity: pki.issue("/client") });
    assert.equal(verified.id.toString(), "spiffe://a.org/web");
    assert.equal(String((await once(socket, "data"))[0]), "hello");
    socket.destroy();
    const { received } = await bareClient({ address: { port } }, { alpn: "http/1.1", send: "GET / HTTP/1.1\r\n\r\n" });
    assert.equal(received, "");
    await assert.rejects(connectVerifiedTls({ ...options, alpnProtocols: ["h2"] }), { code: "ERR_CONNECT_FAILED" });
    const gone = AbortSignal.abort(new Error("gone"));
    await assert.rejects(connectVerifiedTls({ ...options, signal: gone }), { message: "gone" });
    assert.deepEqual(seen, ["spiffe://a.org/client", "no-certificate", "handshake-failed"]);
    await server.close();
    assert.equal(server.connections, 0);
    assert.equal(server.halfOpen, 0);
  });
});

/** Completes handshakes with whatever certificate it likes and records what the client says then. */
class HostileServer implements AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
  received = Buffer.alloc(0);
  closed = 0;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.address = { host, port };
    server.on("connection", (socket: Socket) => {
      socket.on("close", () => {
        this.closed += 1;
      });
    });
    server.on("secureConnection", (socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        this.received = Buffer.concat([this.received, chunk]);
      });
    });
  }

  static async start(identity: TlsIdentity): Promise<HostileServer> {
    const server = createServer({
      ...pemOf(identity),
      ALPNProtocols: ["h2"],
      requestCert: true,
      rejectUnauthorized: false,
    });
    server.listen(0, host);
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    return new HostileServer(server, address.port);
  }

  /** Until so many connections are over: nothing can come any more. */
  async quiet(connections: number): Promise<void> {
    while (this.closed < connections) await new Promise((resolve) => setImmediate(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function firstOf<Value>(values: AsyncIterable<Value>): Promise<Value | undefined> {
  for await (const value of values) return value;
  return undefined;
}

async function eventually(attempt: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
