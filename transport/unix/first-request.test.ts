import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { RpcRouter, transportLimits } from "../index.ts";
import { mendPathAuthority } from "./path-authority.ts";

const frame = { headers: 1, priority: 2, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
const takesNoStreams = Buffer.from("000300000000", "hex");
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function framed(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A literal with incremental indexing, as gRPC for Java writes it. */
function literal(name: string | number, value: string): Buffer {
  const spelled = typeof name === "number" ? Buffer.from([0x40 | name]) : text(name, 0x40);
  return Buffer.concat([spelled, text(value)]);
}

function text(value: string, prefix?: number): Buffer {
  const bytes = Buffer.from(value);
  assert.ok(bytes.length < 127);
  return Buffer.concat([Buffer.from(prefix === undefined ? [bytes.length] : [prefix, bytes.length]), bytes]);
}

const methodPost = Buffer.from([0x83]);
const schemeHttp = Buffer.from([0x86]);
const rest = [literal("content-type", "application/grpc"), literal("te", "trailers")];

/** The first call spells its authority out, later ones refer to it by its place in the table. */
function call(stream: number, authority: string | number): Buffer {
  const named = typeof authority === "number" ? Buffer.from([0x80 | authority]) : literal(1, authority);
  const block = Buffer.concat([methodPost, schemeHttp, literal(4, "/no.Service/Method"), named, ...rest]);
  return framed(frame.headers, 0x5, stream, block);
}

/** Reads frames; says which came. */
class RawClient {
  readonly socket: Socket;
  readonly frames: { readonly type: number; readonly flags: number; readonly stream: number }[] = [];
  readonly closed: Promise<void>;
  #received = Buffer.alloc(0);

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
    this.socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 9 && this.#received.length >= 9 + this.#received.readUIntBE(0, 3)) {
      const end = 9 + this.#received.readUIntBE(0, 3);
      const [type = 0, flags = 0] = this.#received.subarray(3, 5);
      this.frames.push({ type, flags, stream: this.#received.readUInt32BE(5) });
      this.#received = this.#received.subarray(end);
    }
  }

  async until(matches: (seen: RawClient["frames"][number]) => boolean): Promise<void> {
    while (!this.frames.some(matches)) {
      assert.ok(!this.socket.closed, `closed after ${JSON.stringify(this.frames)}`);
      await Promise.race([once(this.socket, "data"), this.closed]);
    }
  }

  answerTo = (stream: number): Promise<void> =>
    this.until((seen) => seen.type === frame.headers && seen.stream === stream);
  settings = (): Promise<void> => this.until(({ type, flags }) => type === frame.settings && flags === 0);
}

const acknowledgement = framed(frame.settings, 1, 0);
const hello = Buffer.concat([preface, framed(frame.settings, 0, 0, takesNoStreams)]);

describe("a client on gRPC for Java", () => {
  const path = "/run/countersign/agent/public/api.sock";

  it("is heard, although it names the socket's path as authority; so are its later calls", async () => {
    await using service = await UnixService.start({ router: new RpcRouter() });
    const client = new RawClient(service.path);
    client.socket.write(hello);
    await client.settings();
    client.socket.write(Buffer.concat([acknowledgement, call(1, path)]));
    await client.answerTo(1);
    // The session's own settings, and no complaint about an acknowledgement too many.
    client.socket.write(acknowledgement);
    // Its place in the table, after the path of this call and three fields of the last.
    client.socket.write(call(3, 65));
    await client.answerTo(3);
    client.socket.write(framed(frame.ping, 0, 0, Buffer.alloc(8)));
    await client.until(({ type, flags }) => type === frame.ping && flags === 1);
    assert.deepEqual(
      client.frames.filter(({ type }) => type === frame.goaway || type === frame.rstStream),
      [],
    );
    client.socket.destroy();
  });

  it("is heard when its bytes come one by one, its request before its acknowledgement, or all at once", async () => {
    await using service = await UnixService.start({ router: new RpcRouter() });
    const drip = new RawClient(service.path);
    drip.socket.setNoDelay(true);
    for (const byte of hello) await new Promise((resolve) => drip.socket.write(Buffer.from([byte]), resolve));
    await drip.settings();
    for (const byte of Buffer.concat([acknowledgement, call(1, path)])) {
      await new Promise((resolve) => drip.socket.write(Buffer.from([byte]), resolve));
    }
    await drip.answerTo(1);

    const early = new RawClient(service.path);
    early.socket.write(hello);
    await early.settings();
    early.socket.write(call(1, path));
    early.socket.write(acknowledgement);
    await early.answerTo(1);

    const atOnce = new RawClient(service.path);
    atOnce.socket.write(Buffer.concat([hello, call(1, path)]));
    await atOnce.answerTo(1);
    for (const { socket } of [drip, early, atOnce]) socket.destroy();
  });

  it("may ask whether somebody is there before its first call", async () => {
    await using service = await UnixService.start({ router: new RpcRouter() });
    const client = new RawClient(service.path);
    client.socket.write(hello);
    await client.settings();
    client.socket.write(Buffer.concat([acknowledgement, framed(frame.ping, 0, 0, Buffer.alloc(8))]));
    await client.until(({ type, flags }) => type === frame.ping && flags === 1);
    client.socket.destroy();
  });

  it("is dropped when it is silent too long, sends no end of preparations, or the service ends", async () => {
    const limits = { ...transportLimits.workloadSocket, handshakeTimeoutMs: 60, idleTimeoutMs: 60 };
    await using hasty = await UnixService.start({ router: new RpcRouter(), limits });
    for (const said of [preface, hello]) {
      const client = new RawClient(hasty.path);
      client.socket.write(said);
      await client.closed;
    }
    await using service = await UnixService.start({ router: new RpcRouter() });
    for (const piece of [
      framed(frame.windowUpdate, 0, 0, Buffer.from([0, 0, 0, 1])),
      framed(frame.headers, 0, 1, Buffer.alloc(16_384)),
    ]) {
      const client = new RawClient(service.path);
      client.socket.write(hello);
      for (let sent = 0; sent < 40; sent += 1) client.socket.write(piece);
      await client.closed;
    }
    const waiting = new RawClient(service.path);
    waiting.socket.write(hello);
    await waiting.settings();
    assert.equal(service.listener.connections(), 1);
    await service.listener.close({ graceMs: 0 });
    await waiting.closed;
    assert.equal(service.listener.connections(), 0);
  });

  it("alone is helped: another's path is refused by HTTP/2 itself", async () => {
    await using service = await UnixService.start({ router: new RpcRouter() });
    const client = new RawClient(service.path);
    client.socket.write(Buffer.concat([preface, framed(frame.settings, 0, 0), call(1, path), call(3, "localhost")]));
    await client.answerTo(3);
    assert.deepEqual(
      client.frames.filter(({ stream }) => stream === 1).map(({ type }) => type),
      [frame.rstStream],
    );
    client.socket.destroy();
  });
});

describe("mendPathAuthority()", () => {
  const mended = (...fields: readonly Buffer[]): string => {
    const block = Buffer.concat(fields);
    mendPathAuthority(block);
    return block.toString("latin1");
  };
  const as = (...fields: readonly Buffer[]): string => Buffer.concat(fields).toString("latin1");

  it("rewrites a path and nothing else, to the same length", () => {
    const sizeUpdate = Buffer.from([0x3f, 0xe1, 0x1f]);
    const before = [sizeUpdate, methodPost, literal(4, "/a/b"), literal("x", "/y/z")];
    assert.equal(mended(...before, literal(1, "/run/api.sock")), as(...before, literal(1, "-run-api.sock")));
    assert.equal(mended(literal(1, "/a b@c%2F")), as(literal(1, "-a-b-c-2F")));
    // Without indexing, and never indexed.
    for (const prefix of [0x01, 0x11]) {
      const [one, two] = ["/a/b", "-a-b"].map((value) => Buffer.concat([Buffer.from([prefix]), text(value)]));
      assert.equal(mended(one ?? methodPost), as(two ?? methodPost));
    }
  });

  it("leaves legal authorities, Huffman-coded ones and broken blocks alone", () => {
    const long = "a".repeat(120);
    for (const field of [
      literal(1, "localhost"),
      literal(1, "%2Frun%2Fapi.sock"),
      literal(1, long),
      Buffer.from([0x41, 0x84, 0x2f, 0x2f, 0x2f, 0x2f]),
      Buffer.from([0x7f, 0xff, 0xff, 0xff]),
      Buffer.from([0x41]),
      Buffer.from([0x40, 0xff]),
    ]) {
      assert.equal(mended(field), as(field));
    }
  });
});
