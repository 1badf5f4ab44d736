import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  answerHeaders,
  answerTrailers,
  answerWith,
  greeting,
  type Http2World,
  http2World,
  number,
  requestBlock,
  requestFields,
  settings,
} from "../../test/fakes/http2-peer.ts";
import { errorCode } from "./errors.ts";
import { flag, frame, frameType, headBytes, maxPayloadBytes, preface } from "./frames.ts";
import { encodeHeaderBlock } from "./hpack/index.ts";

const nothing = Buffer.alloc(0);
const whole = flag.endHeaders | flag.endStream;
const request = (id: number, flags: number = whole, block: Uint8Array = requestBlock): Buffer =>
  frame(frameType.headers, flags, id, block);
const data = (id: number, payload: Uint8Array, flags = 0): Buffer => frame(frameType.data, flags, id, payload);
const requestWith = (...fields: readonly string[]): Buffer => encodeHeaderBlock([...requestFields, ...fields]);
/** Literal field whose name and value are given as they are. */
const priority = (dependency: number): Buffer => Buffer.concat([number(dependency), Buffer.from([15])]);

describe("a conversation", () => {
  it("of one call is SETTINGS, their acknowledgement, and the answer in one piece", async () => {
    const { peer, requests } = http2World({ onEnd: answerWith(20) });
    peer.say(request(1, flag.endHeaders), data(1, Buffer.from("hello"), flag.endStream));
    await peer.until(() => peer.frames.some(({ flags, id }) => id === 1 && (flags & flag.endStream) !== 0));
    assert.deepEqual(
      peer.frames.map(({ type, flags, id }) => [type, flags, id]),
      [
        [frameType.settings, 0, 0],
        [frameType.settings, flag.ack, 0],
        [frameType.headers, flag.endHeaders, 1],
        [frameType.data, 0, 1],
        [frameType.headers, whole, 1],
      ],
    );
    assert.equal(Buffer.concat(requests[0]?.chunks ?? []).toString(), "hello");
    assert.deepEqual(requests[0]?.head.fields, requestFields);
    assert.equal(requests[0]?.closedWith, errorCode.noError);
  });

  it("may use padding, priorities, CONTINUATION, trailers and frames nobody knows", async () => {
    const { peer, requests } = http2World({ onEnd: answerWith(1) });
    const padded = (inner: Uint8Array): Buffer => Buffer.concat([Buffer.from([3]), inner, Buffer.alloc(3)]);
    peer.say(
      frame(99, 0xff, 1, Buffer.from("?")),
      frame(frameType.priority, 0, 7, priority(3)),
      frame(
        frameType.headers,
        flag.padded | flag.priority,
        1,
        padded(Buffer.concat([priority(0), requestBlock.subarray(0, 2)])),
      ),
      frame(frameType.continuation, 0, 1, requestBlock.subarray(2, 4)),
      frame(frameType.continuation, flag.endHeaders, 1, requestBlock.subarray(4)),
      data(1, padded(Buffer.from("ab")), flag.padded),
      data(1, Buffer.from([0]), flag.padded),
      request(1, whole, encodeHeaderBlock(["x-checksum", "1"])),
      frame(frameType.goaway, 0, 0, Buffer.alloc(8)),
    );
    await peer.until(() => peer.ofType(frameType.headers, 1).length === 2);
    assert.equal(Buffer.concat(requests[0]?.chunks ?? []).toString(), "ab");
    assert.deepEqual(peer.ofType(frameType.rstStream), []);
  });

  it("goes on whatever the pieces it comes in", async () => {
    const { peer, requests } = http2World({ isGreeting: false, onEnd: answerWith(9) });
    const said = Buffer.concat([greeting, request(1, flag.endHeaders), data(1, Buffer.alloc(300, 7), flag.endStream)]);
    for (const byte of said) peer.say(Buffer.from([byte]));
    await peer.until(() => peer.ofType(frameType.headers, 1).length === 2);
    assert.equal(Buffer.concat(requests[0]?.chunks ?? []).length, 300);
  });

  it("ends when a goodbye was said and the last call is over; later requests are not heard", async () => {
    const world = http2World();
    const { peer, requests, session } = world;
    peer.say(request(1));
    await peer.until(() => requests.length === 1);
    session.announceLeave();
    peer.say(request(3));
    await peer.until(() => requests.length === 2);
    session.leave();
    await peer.until(() => peer.ofType(frameType.goaway).length === 2);
    assert.deepEqual(
      peer.ofType(frameType.goaway).map(({ payload }) => payload.readUInt32BE(0)),
      [2 ** 31 - 1, 3],
    );
    peer.say(request(5, flag.endHeaders), data(5, Buffer.from("x"), flag.endStream));
    await peer.settled();
    assert.equal(requests.length, 2);
    for (const { stream } of requests) stream.answer(answerHeaders, nothing, answerTrailers);
    assert.equal(await peer.goodbye(), errorCode.noError);
    assert.equal(world.state.isGone, true);
  });

  it("ends for every call when the connection breaks", async () => {
    const world = http2World();
    world.peer.say(request(1, flag.endHeaders));
    await world.peer.until(() => world.requests.length === 1);
    let wasTaken: boolean | undefined;
    world.requests[0]?.stream.respond(answerHeaders);
    world.requests[0]?.stream.write(Buffer.alloc(200_000), (isTaken) => {
      wasTaken = isTaken;
    });
    world.peer.socket.end();
    await world.peer.until(() => world.state.isGone).catch(() => {});
    while (!world.state.isGone) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(world.requests[0]?.closedWith, errorCode.cancel);
    assert.equal(wasTaken, false);
  });

  it("ends with INTERNAL_ERROR, and a word to whom it concerns, when something of ours throws", async () => {
    const { peer, faults } = http2World({
      onEnd: () => {
        throw new TypeError("ours");
      },
    });
    peer.say(request(1));
    assert.equal(await peer.goodbye(), errorCode.internalError);
    assert.match(String(faults[0]), /ours/);
  });
});

describe("a request that is not needed to its end", () => {
  it("is cut off with NO_ERROR behind the answer, and what was on its way is let pass", async () => {
    const { peer, requests } = http2World();
    peer.say(request(1, flag.endHeaders));
    await peer.until(() => requests.length === 1);
    requests[0]?.stream.end(answerHeaders);
    requests[0]?.stream.reset(errorCode.noError);
    peer.say(data(1, Buffer.alloc(10)), data(1, nothing, flag.endStream));
    await peer.settled();
    assert.deepEqual(
      peer.frames.filter(({ id }) => id === 1).map(({ type }) => type),
      [frameType.headers, frameType.rstStream],
    );
    assert.deepEqual(peer.ofType(frameType.rstStream)[0]?.payload, number(errorCode.noError));
  });
});

type Said = readonly Uint8Array[];

/** What ends the connection: RFC 9113's code for it. */
const connectionErrors: readonly (readonly [string, number, Said])[] = [
  ["DATA on stream 0", errorCode.protocolError, [data(0, nothing)]],
  ["DATA on an idle stream", errorCode.protocolError, [data(1, nothing)]],
  ["DATA behind the end of a finished stream", errorCode.streamClosed, [request(1), data(1, nothing)]],
  ["HEADERS behind the end of a finished stream", errorCode.streamClosed, [request(1), request(1)]],
  ["HEADERS on stream 0", errorCode.protocolError, [request(0)]],
  ["HEADERS on a server's stream", errorCode.protocolError, [request(2)]],
  ["HEADERS on an older stream", errorCode.protocolError, [request(5), request(3)]],
  ["HEADERS inside a header block", errorCode.protocolError, [request(1, 0), request(3)]],
  ["a frame nobody knows inside a header block", errorCode.protocolError, [request(1, 0), frame(77, 0, 1, nothing)]],
  [
    "CONTINUATION of another stream",
    errorCode.protocolError,
    [request(1, 0), frame(frameType.continuation, 4, 3, nothing)],
  ],
  ["CONTINUATION of nothing", errorCode.protocolError, [frame(frameType.continuation, flag.endHeaders, 1, nothing)]],
  ["HEADERS that are all padding", errorCode.protocolError, [request(1, whole | flag.padded, Buffer.from([9, 0]))]],
  ["DATA that is all padding", errorCode.protocolError, [request(1, 4), data(1, Buffer.from([1]), flag.padded)]],
  ["HEADERS too short for a priority", errorCode.frameSizeError, [request(1, whole | flag.priority, Buffer.alloc(4))]],
  ["a broken header block", errorCode.compressionError, [request(1, whole, Buffer.from([0xff, 0xff, 0xff]))]],
  ["RST_STREAM on stream 0", errorCode.protocolError, [frame(frameType.rstStream, 0, 0, number(8))]],
  ["RST_STREAM on an idle stream", errorCode.protocolError, [frame(frameType.rstStream, 0, 1, number(8))]],
  [
    "RST_STREAM of five bytes",
    errorCode.frameSizeError,
    [request(1), frame(frameType.rstStream, 0, 1, Buffer.alloc(5))],
  ],
  ["SETTINGS on a stream", errorCode.protocolError, [frame(frameType.settings, 0, 1, nothing)]],
  ["SETTINGS of five bytes", errorCode.frameSizeError, [frame(frameType.settings, 0, 0, Buffer.alloc(5))]],
  [
    "an acknowledgement with settings",
    errorCode.frameSizeError,
    [frame(frameType.settings, flag.ack, 0, Buffer.alloc(6))],
  ],
  ["ENABLE_PUSH of 2", errorCode.protocolError, [settings([2, 2])]],
  ["an initial window of 2^31", errorCode.flowControlError, [settings([4, 2 ** 31])]],
  ["MAX_FRAME_SIZE of 16,383", errorCode.protocolError, [settings([5, 16_383])]],
  ["MAX_FRAME_SIZE of 2^24", errorCode.protocolError, [settings([5, 2 ** 24])]],
  ["PUSH_PROMISE", errorCode.protocolError, [frame(frameType.pushPromise, 4, 1, Buffer.alloc(4))]],
  ["PING on a stream", errorCode.protocolError, [frame(frameType.ping, 0, 1, Buffer.alloc(8))]],
  ["PING of six bytes", errorCode.frameSizeError, [frame(frameType.ping, 0, 0, Buffer.alloc(6))]],
  ["GOAWAY on a stream", errorCode.protocolError, [frame(frameType.goaway, 0, 1, Buffer.alloc(8))]],
  ["GOAWAY of four bytes", errorCode.frameSizeError, [frame(frameType.goaway, 0, 0, Buffer.alloc(4))]],
  ["PRIORITY on stream 0", errorCode.protocolError, [frame(frameType.priority, 0, 0, Buffer.alloc(5))]],
  ["WINDOW_UPDATE of three bytes", errorCode.frameSizeError, [frame(frameType.windowUpdate, 0, 0, Buffer.alloc(3))]],
  ["WINDOW_UPDATE of nothing", errorCode.protocolError, [frame(frameType.windowUpdate, 0, 0, number(0))]],
  ["WINDOW_UPDATE on an idle stream", errorCode.protocolError, [frame(frameType.windowUpdate, 0, 1, number(1))]],
  [
    "a connection's window of 2^31",
    errorCode.flowControlError,
    [frame(frameType.windowUpdate, 0, 0, number(2 ** 31 - 1))],
  ],
  [
    "settings that make a stream's window too large",
    errorCode.flowControlError,
    [request(1, 4), frame(frameType.windowUpdate, 0, 1, number(2 ** 31 - 65_536)), settings([4, 65_536])],
  ],
  [
    "a frame of 16,385 bytes",
    errorCode.frameSizeError,
    [Buffer.concat([Buffer.from("004001", "hex"), Buffer.alloc(6)])],
  ],
];

function windowfuls(): Said {
  const piece = data(1, Buffer.alloc(maxPayloadBytes));
  return [request(1, flag.endHeaders), piece, piece, piece, piece];
}

/** What ends one stream. Stream 1 is the one; others go on. */
const streamErrors: readonly (readonly [string, number, Said])[] = [
  ["DATA behind the request's end", errorCode.streamClosed, [request(1), data(1, nothing)]],
  ["HEADERS behind the request's end", errorCode.streamClosed, [request(1), request(1)]],
  [
    "DATA on a stream that the client reset",
    errorCode.streamClosed,
    [request(1, 4), frame(frameType.rstStream, 0, 1, number(8)), data(1, nothing)],
  ],
  ["more DATA than the stream's window", errorCode.flowControlError, windowfuls()],
  ["trailers that do not end the request", errorCode.protocolError, [request(1, 4), request(1, 4)]],
  ["trailers with a pseudo-header", errorCode.protocolError, [request(1, 4), request(1)]],
  ["WINDOW_UPDATE of nothing", errorCode.protocolError, [request(1), frame(frameType.windowUpdate, 0, 1, number(0))]],
  [
    "a stream's window of 2^31",
    errorCode.flowControlError,
    [request(1), frame(frameType.windowUpdate, 0, 1, number(2 ** 31 - 1))],
  ],
  ["PRIORITY of four bytes", errorCode.frameSizeError, [request(1), frame(frameType.priority, 0, 1, Buffer.alloc(4))]],
  [
    "PRIORITY of a stream over itself",
    errorCode.protocolError,
    [request(1), frame(frameType.priority, 0, 1, priority(1))],
  ],
  [
    "HEADERS of a stream over itself",
    errorCode.protocolError,
    [request(1, whole | flag.priority, Buffer.concat([priority(1), requestBlock]))],
  ],
  [
    "more body than announced",
    errorCode.protocolError,
    [request(1, 4, requestWith("content-length", "1")), data(1, Buffer.alloc(2))],
  ],
  [
    "less body than announced",
    errorCode.protocolError,
    [request(1, 4, requestWith("content-length", "3")), data(1, Buffer.alloc(2), flag.endStream)],
  ],
  ["no body where one is announced", errorCode.protocolError, [request(1, whole, requestWith("content-length", "3"))]],
  ["a request that is malformed", errorCode.protocolError, [request(1, whole, requestWith("connection", "close"))]],
  ["too many fields", errorCode.enhanceYourCalm, [request(1, whole, requestWith("x", "y".repeat(4_000)))]],
];

describe("the connection ends at", () => {
  for (const [what, code, said] of connectionErrors) {
    it(what, async () => {
      // An answer at once closes the stream.
      const { peer, faults } = http2World({ onEnd: answerWith(1) });
      peer.say(...said);
      assert.equal(await peer.goodbye(), code);
      assert.deepEqual(faults, []);
    });
  }

  it("anything but HTTP/2, and at a preface without SETTINGS", async () => {
    const { peer: web } = http2World({ isGreeting: false });
    web.say(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    await web.goodbye();
    assert.equal(web.ofType(frameType.goaway)[0]?.payload.toString("latin1", 8), "this is not HTTP/2");
    for (const said of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.concat([preface, request(1)])]) {
      const { peer } = http2World({ isGreeting: false });
      peer.say(said);
      assert.equal(await peer.goodbye(), errorCode.protocolError);
    }
  });
});

describe("a stream ends, and others go on, at", () => {
  for (const [what, code, said] of streamErrors) {
    it(what, async () => {
      const world = http2World();
      const { peer, requests } = world;
      peer.say(...said);
      await peer.until(() => peer.ofType(frameType.rstStream, 1).length > 0);
      assert.deepEqual(peer.ofType(frameType.rstStream, 1)[0]?.payload, number(code));
      await goesOn(world);
      assert.ok(requests.every(({ stream, closedWith }) => stream.id !== 1 || closedWith !== undefined));
    });
  }

  it("a call more than may be open, which was not looked at", async () => {
    const world = http2World({ maxConcurrentStreams: 2 });
    const { peer, requests } = world;
    peer.say(request(1), request(3), request(5));
    await peer.until(() => peer.ofType(frameType.rstStream, 5).length > 0);
    assert.deepEqual(peer.ofType(frameType.rstStream, 5)[0]?.payload, number(errorCode.refusedStream));
    requests[0]?.stream.end(answerTrailers);
    await goesOn(world, 7);
  });
});

async function goesOn({ peer, requests }: Http2World, id = 101): Promise<void> {
  peer.say(request(id));
  await peer.until(() => requests.some(({ stream }) => stream.id === id));
  requests.find(({ stream }) => stream.id === id)?.stream.answer(answerHeaders, Buffer.from("x"), answerTrailers);
  await peer.until(() => peer.ofType(frameType.headers, id).length === 2);
}

describe("header blocks of ours", () => {
  it("that are larger than a frame go on in CONTINUATION", async () => {
    const { peer, requests } = http2World();
    peer.say(request(1));
    await peer.until(() => requests.length === 1);
    const block = encodeHeaderBlock([":status", "200", "x", "y".repeat(40_000)]);
    requests[0]?.stream.end(block);
    await peer.until(() => peer.ofType(frameType.continuation, 1).length === 2);
    const parts = peer.frames.filter(({ id }) => id === 1);
    assert.deepEqual(
      parts.map(({ flags }) => flags),
      [flag.endStream, 0, flag.endHeaders],
    );
    assert.deepEqual(Buffer.concat(parts.map(({ payload }) => payload)), block);
    assert.ok(parts.every(({ payload }) => payload.length <= maxPayloadBytes && headBytes === 9));
  });
});
