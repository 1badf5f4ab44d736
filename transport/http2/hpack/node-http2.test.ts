import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, sensitiveHeaders } from "node:http2";
import { type Duplex, duplexPair } from "node:stream";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { encodeHeaderBlock, HpackDecoder } from "./index.ts";

const limits = { maxTableBytes: 4096, maxListBytes: 2 ** 20, maxFields: 200 };
const frameHeadBytes = 9;
const frameTypes = { headers: 1, settings: 4, continuation: 9 } as const;
const flags = { ack: 1, endStream: 1, endHeaders: 4, priority: 0x20 } as const;
const headerTableSize = 1;

function frame(type: number, flag: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

interface Block {
  readonly streamId: number;
  readonly block: Buffer;
}

/** The other side of a node:http2 client: hands over its header blocks as they are, and answers with ours. */
class BareServer {
  readonly #socket: Duplex;
  #onBlock: (block: Block) => void = () => undefined;
  #unread: Buffer = Buffer.alloc(0);
  #isGreeted = false;
  #block: Buffer[] = [];

  constructor(socket: Duplex, tableBytes: number) {
    this.#socket = socket;
    const setting = Buffer.alloc(6);
    setting.writeUInt16BE(headerTableSize, 0);
    setting.writeUInt32BE(tableBytes, 2);
    socket.write(frame(frameTypes.settings, 0, 0, setting));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  nextBlock(): Promise<Block> {
    return new Promise((resolve) => {
      this.#onBlock = resolve;
    });
  }

  respond(streamId: number, block: Buffer): void {
    const head = block.subarray(0, 16_384);
    const rest = block.subarray(16_384);
    const flag = flags.endStream | (rest.length === 0 ? flags.endHeaders : 0);
    this.#socket.write(frame(frameTypes.headers, flag, streamId, head));
    if (rest.length > 0) this.#socket.write(frame(frameTypes.continuation, flags.endHeaders, streamId, rest));
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    if (!this.#isGreeted) {
      if (this.#unread.length < 24) return;
      this.#unread = this.#unread.subarray(24);
      this.#isGreeted = true;
    }
    while (this.#unread.length >= frameHeadBytes) {
      const end = frameHeadBytes + this.#unread.readUIntBE(0, 3);
      if (this.#unread.length < end) return;
      this.#take(this.#unread.subarray(0, end));
      this.#unread = this.#unread.subarray(end);
    }
  }

  #take(whole: Buffer): void {
    const [type = 0, flag = 0] = whole.subarray(3);
    if (type === frameTypes.settings && flag === 0) {
      this.#socket.write(frame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0)));
    }
    if (type !== frameTypes.headers && type !== frameTypes.continuation) return;
    const priorityBytes = type === frameTypes.headers && flag & flags.priority ? 5 : 0;
    this.#block.push(Buffer.from(whole.subarray(frameHeadBytes + priorityBytes)));
    if (!(flag & flags.endHeaders)) return;
    const block = Buffer.concat(this.#block);
    this.#block = [];
    this.#onBlock({ streamId: whole.readUInt32BE(5), block });
  }
}

const pseudo = { ":method": "GET", ":path": "/s/m", ":scheme": "http", ":authority": "localhost" } as const;

const token = fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/).map((name) => `x-${name}`);
/** What a field may hold (RFC 9113 §8.2.1), with the octets that have long Huffman codes. */
const octet = fc.constantFrom(
  ...Array.from({ length: 256 }, (_, code) => code).filter((code) => code >= 0x21 && code !== 0x7f),
);
const short = fc.array(octet, { maxLength: 60 });
const long = fc
  .tuple(octet, fc.integer({ min: 0, max: 4_000 }))
  .map(([code, length]) => new Array<number>(length).fill(code));
const value = fc
  .oneof({ weight: 9, arbitrary: short }, { weight: 1, arbitrary: long })
  .map((octets) => Buffer.from(octets).toString("latin1"));
const fieldsOf = (maxLength: number) =>
  fc.uniqueArray(fc.tuple(token, value), { maxLength, selector: ([name]) => name });

for (const tableBytes of [4096, 300, 0]) {
  describe(`node:http2's client, with a table of ${tableBytes} bytes`, () => {
    const decoder = new HpackDecoder({ ...limits, maxTableBytes: 4096 });
    let client: ClientHttp2Session;
    let server: BareServer;

    before(async () => {
      const [near, far] = duplexPair();
      server = new BareServer(far, tableBytes);
      client = connect("http://localhost", { createConnection: () => near, maxSendHeaderBlockLength: 2 ** 20 });
      await once(client, "remoteSettings");
    });
    after(() => client.destroy());

    it("is understood, and understands", async () => {
      await fc.assert(
        fc.asyncProperty(fieldsOf(10), fieldsOf(6), fc.nat(12), async (sent, answered, secrets) => {
          const arrives = server.nextBlock();
          const names = sent.slice(0, secrets).map(([name]) => name);
          const headers = { ...pseudo, ...Object.fromEntries(sent), [sensitiveHeaders]: names };
          const stream = client.request(headers, { endStream: true });
          const responded = once(stream, "response");
          const closed = once(stream.resume(), "close");
          const { streamId, block } = await arrives;
          const expected = [...Object.entries(pseudo), ...sent];
          assert.deepEqual(pairs(decoder.decode(block).fields).sort(), expected.sort());
          server.respond(streamId, encodeHeaderBlock([":status", "200", ...answered.flat()]));
          const [response] = await responded;
          for (const [name, text] of answered) assert.equal(response[name], text);
          await closed;
        }),
        { numRuns: 60 },
      );
    });
  });
}

function pairs(fields: readonly string[]): (readonly [string, string])[] {
  return fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1] ?? ""] as const] : []));
}
