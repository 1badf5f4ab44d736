import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { entryService } from "../../proto/services.ts";
import { silentLogger } from "../../runtime/core/index.ts";
import { TestPki } from "../../test/fakes/test-pki.ts";
import {
  AddressRanges,
  dialTls,
  listenTls,
  type Peer,
  RpcRouter,
  type TlsListener,
  type TlsListenerOptions,
  transportLimits,
} from "../index.ts";

const host = "127.0.0.1";
const pki = TestPki.create("a.org");
const loopback = AddressRanges.parse(["127.0.0.0/8"]);
const elsewhere = AddressRanges.parse(["192.0.2.0/24"]);

const v1 = Buffer.from("PROXY TCP4 192.0.2.7 198.51.100.1 40000 8081\r\n");
const v2 = Buffer.from("0d0a0d0a000d0a515549540a2111000cc0000207c63364019c401f91", "hex");
const local = Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex");

interface Refusal {
  readonly reason: unknown;
  readonly address: unknown;
  readonly error_code: unknown;
}

/** A listener that answers with the caller's address, and what it refused. */
async function serve(options: Partial<TlsListenerOptions> = {}) {
  const refusals: Refusal[] = [];
  const logger = {
    ...silentLogger,
    warn: ({ reason, address, error_code }: Readonly<Record<string, unknown>>) =>
      void refusals.push({ reason, address, error_code }),
  };
  const where = ({ peer }: { readonly peer: Peer }): string =>
    peer.kind === "tls" ? `${peer.address} ${peer.port}` : "";
  const router = new RpcRouter().unary(entryService.GetEntry, async (_request, context) => ({ id: where(context) }));
  const identity = pki.issue("/spire/server");
  const listener = await listenTls({
    ...{ host, port: 0, router, logger, identity: () => identity, verifyPeer: pki.verify, proxies: loopback },
    ...options,
  });
  return { listener, refusals, [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose]() };
}

type Send = (server: Socket, header: Buffer, first: Buffer) => Promise<void>;

const atOnce: Send = async (server, header, first) => void server.write(Buffer.concat([header, first]));
const apart: Send = async (server, header, first) => {
  await written(server, header);
  await written(server, first);
};
const byteByByte: Send = async (server, header, first) => {
  for (const byte of Buffer.concat([header, first])) await written(server, Buffer.of(byte));
};

function written(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}

/** A proxy in front of the listener that sends `header` with the client's first bytes. */
async function proxy(listener: TlsListener, header: Buffer, send: Send = atOnce) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host, port: listener.address.port, noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket.on("error", () => {}));
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.pipe(client);
    client.once("data", (first: Buffer) => {
      client.pause();
      void send(upstream, header, first).then(() => client.pipe(upstream));
    });
  });
  await once(server.listen(0, host), "listening");
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === "object");
  return {
    address: { host, port: bound.port },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function ask(address: { readonly host: string; readonly port: number }): Promise<string> {
  const channel = dialTls({ address, verifyServer: pki.verify });
  try {
    return (await channel.unary(entryService.GetEntry, {}, { timeoutMs: 5_000 })).id;
  } finally {
    channel.close();
  }
}

describe("connections through a trusted proxy", () => {
  it("come from where their header says, however the bytes arrive", async () => {
    await using server = await serve();
    for (const header of [v1, v2]) {
      for (const send of [atOnce, apart, byteByByte]) {
        await using between = await proxy(server.listener, header, send);
        assert.equal(await ask(between.address), "192.0.2.7 40000");
      }
    }
    await using itself = await proxy(server.listener, local);
    assert.match(await ask(itself.address), /^127\.0\.0\.1 \d+$/);
    assert.deepEqual(server.refusals, []);
  });

  it("are closed, with a code, without a header or with a bad one", async () => {
    for (const header of [Buffer.alloc(0), Buffer.from("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"), Buffer.from("PROXY x")]) {
      await using server = await serve({ limits: { ...transportLimits.tcp, handshakeTimeoutMs: 300 } });
      await using between = await proxy(server.listener, header);
      await assert.rejects(ask(between.address), { status: "unavailable" });
      assert.deepEqual(server.refusals, [{ reason: "proxy-header", address: host, error_code: "ERR_PROXY_HEADER" }]);
    }
  });

  it("are closed when the header does not come in time", async () => {
    await using server = await serve({ limits: { ...transportLimits.tcp, handshakeTimeoutMs: 100 } });
    for (const sent of [Buffer.alloc(0), v2.subarray(0, 20), v1.subarray(0, 30)]) {
      const socket = connect({ host, port: server.listener.address.port });
      if (sent.length > 0) socket.write(sent);
      await once(socket.resume(), "close");
    }
    assert.equal(server.refusals[0]?.error_code, "ERR_PROXY_HEADER");
    await using between = await proxy(server.listener, v2);
    assert.equal(await ask(between.address), "192.0.2.7 40000");
  });

  it("are counted by their real address, not by the proxy's", async () => {
    await using server = await serve({ limits: { ...transportLimits.tcp, maxConnectionsPerPeer: 1 } });
    const from = (address: string): Buffer => Buffer.from(`PROXY TCP4 ${address} 198.51.100.1 1 2\r\n`);
    await using first = await proxy(server.listener, from("192.0.2.1"));
    await using second = await proxy(server.listener, from("192.0.2.2"));
    const open = [first, second].map(({ address }) => dialTls({ address, verifyServer: pki.verify }));
    try {
      for (const channel of open) await channel.unary(entryService.GetEntry, {});
      await assert.rejects(ask(first.address), { status: "unavailable" });
      assert.deepEqual(
        server.refusals.map(({ reason, address }) => [reason, address]),
        [["too-many-connections", "192.0.2.1"]],
      );
    } finally {
      for (const channel of open) channel.close();
    }
  });
});

describe("a header from an address that is no trusted proxy", () => {
  it("is not believed: the connection is closed, and one without a header is served", async () => {
    for (const proxies of [elsewhere, undefined]) {
      await using server = await serve({ proxies });
      await using between = await proxy(server.listener, v1);
      await assert.rejects(ask(between.address), { status: "unavailable" });
      assert.equal(server.refusals[0]?.reason, "handshake-failed");
      assert.match(await ask(server.listener.address), /^127\.0\.0\.1 /);
    }
  });
});
