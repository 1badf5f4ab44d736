import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { answerWith, greeting, http2World, number, requestBlock, settings } from "../../test/fakes/http2-peer.ts";
import { flag, frame, frameType, maxPayloadBytes } from "./frames.ts";
import { Http2ServerSession, type Http2Stream } from "./index.ts";

const whole = flag.endHeaders | flag.endStream;
const open = (id: number, flags: number = whole): Buffer => frame(frameType.headers, flags, id, requestBlock);
const more = (id: number, bytes: number): Buffer => frame(frameType.windowUpdate, 0, id, number(bytes));
const initialWindow = (bytes: number): Buffer => settings([4, bytes]);
const data = (id: number, bytes: number): Buffer => frame(frameType.data, 0, id, Buffer.alloc(bytes));

describe("answers", () => {
  it("go out as far as the stream's window, and on when it opens, byte by byte if need be", async () => {
    const { peer } = http2World({ onEnd: answerWith(5) });
    peer.say(initialWindow(2), open(1));
    await peer.settled();
    assert.equal(peer.dataBytes(1), 2);
    peer.say(more(1, 1));
    await peer.settled();
    assert.equal(peer.dataBytes(1), 3);
    assert.equal(peer.ofType(frameType.headers, 1).length, 1);
    peer.say(more(1, 1), more(1, 1));
    await peer.until(() => peer.ofType(frameType.headers, 1).length === 2);
    assert.equal(peer.dataBytes(1), 5);
  });

  it("follow settings that change the windows of open streams, below nothing, too", async () => {
    const { peer } = http2World({ onEnd: answerWith(100) });
    peer.say(initialWindow(60), open(1));
    await peer.settled();
    assert.equal(peer.dataBytes(1), 60);
    // 60 of 20 are used: 40 less than nothing.
    peer.say(initialWindow(20), more(1, 40));
    await peer.settled();
    assert.equal(peer.dataBytes(1), 60);
    peer.say(more(1, 1));
    await peer.settled();
    assert.equal(peer.dataBytes(1), 61);
    peer.say(initialWindow(59));
    await peer.until(() => peer.dataBytes(1) === 100);
    await peer.until(() => peer.ofType(frameType.headers, 1).length === 2);
  });

  it("share the connection's window: streams take turns", async () => {
    const { peer } = http2World({ onEnd: answerWith(100_000) });
    peer.say(initialWindow(1_000_000), open(1), open(3), open(5));
    await peer.settled();
    assert.equal(peer.dataBytes(1) + peer.dataBytes(3) + peer.dataBytes(5), 65_535);
    for (const id of [1, 3, 5]) assert.ok(peer.dataBytes(id) >= maxPayloadBytes, `stream ${id} had no turn`);
    peer.say(more(0, 1_000_000));
    await peer.until(() => [1, 3, 5].every((id) => peer.dataBytes(id) === 100_000));
  });

  it("of a stream whose window is shut hold up no other", async () => {
    const { peer } = http2World({ onEnd: answerWith(50_000) });
    peer.say(initialWindow(0), open(1), open(3), more(3, 50_000));
    await peer.until(() => peer.dataBytes(3) === 50_000);
    assert.equal(peer.dataBytes(1), 0);
  });

  it("are taken one by one: a writer hears when each is on its way", async () => {
    const { peer, requests } = http2World();
    peer.say(initialWindow(15), open(1));
    await peer.until(() => requests.length === 1);
    const taken: string[] = [];
    const [request] = requests;
    request?.stream.respond(requestBlock);
    for (const name of ["first", "second"]) {
      request?.stream.write(Buffer.alloc(10), (isTaken) => taken.push(`${name} ${isTaken}`));
    }
    await peer.settled();
    assert.deepEqual(taken, ["first true"]);
    peer.say(frame(frameType.rstStream, 0, 1, number(8)));
    await peer.settled();
    assert.deepEqual(taken, ["first true", "second false"]);
    request?.stream.write(Buffer.alloc(1), (isTaken) => taken.push(`third ${isTaken}`));
    assert.equal(taken.at(-1), "third false");
  });
});

describe("a writer that never rests, at a socket that takes everything at once", () => {
  it("lets the event loop go on", async () => {
    const most = 20_000;
    let written = 0;
    const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
    const onStream = async (stream: Http2Stream): Promise<void> => {
      for (; written < most && !stream.isClosed; written += 1) {
        await new Promise<void>((resolve) => stream.write(Buffer.alloc(100), () => resolve()));
      }
    };
    const session = new Http2ServerSession(
      socket,
      { maxConcurrentStreams: 10, maxHeaderListBytes: 4_096, now: () => 0 },
      { onStream: (stream) => void onStream(stream), onBroken: () => {}, onFault: () => {}, onClosed: () => {} },
    );
    socket.push(Buffer.concat([greeting, initialWindow(2 ** 31 - 1), more(0, 2 ** 30), open(1)]));
    while (written === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(written < most, "nobody else had a turn");
    session.destroy();
  });
});

describe("requests", () => {
  it("that nobody takes hold up themselves and no others", async () => {
    const { peer, requests } = http2World();
    peer.say(open(1, flag.endHeaders), open(3, flag.endHeaders));
    for (let count = 0; count < 4; count += 1) peer.say(data(1, 16_000));
    await peer.settled();
    assert.equal(peer.ofType(frameType.windowUpdate, 1).length, 0);
    const ofConnection = peer.ofType(frameType.windowUpdate, 0).map(({ payload }) => payload.readUInt32BE(0));
    assert.equal(
      ofConnection.reduce((sum, bytes) => sum + bytes, 0),
      48_000,
    );
    peer.say(data(3, 16_000));
    await peer.settled();
    assert.equal(requests[1]?.chunks.length, 1);
    requests[0]?.stream.consume(64_000);
    await peer.until(() => peer.ofType(frameType.windowUpdate, 1).length === 1);
    assert.equal(peer.ofType(frameType.windowUpdate, 1)[0]?.payload.readUInt32BE(0), 64_000);
  });

  it("get credit for padding, which nobody has to take", async () => {
    const { peer } = http2World();
    const padded = Buffer.concat([Buffer.from([255]), Buffer.alloc(256)]);
    peer.say(open(1, flag.endHeaders));
    for (let count = 0; count < 150; count += 1) peer.say(frame(frameType.data, flag.padded, 1, padded));
    await peer.until(() => peer.ofType(frameType.windowUpdate, 1).length === 1);
  });
});
