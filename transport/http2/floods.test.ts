import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  answerHeaders,
  answerWith,
  http2World,
  number,
  requestBlock,
  requestFields,
  settings,
} from "../../test/fakes/http2-peer.ts";
import { transportLimits } from "../limits.ts";
import { errorCode } from "./errors.ts";
import { flag, frame, frameType, maxPayloadBytes } from "./frames.ts";
import { encodeHeaderBlock } from "./hpack/index.ts";

const nothing = Buffer.alloc(0);
const whole = flag.endHeaders | flag.endStream;
const open = (id: number, flags: number = flag.endHeaders): Buffer => frame(frameType.headers, flags, id, requestBlock);
const reset = (id: number): Buffer => frame(frameType.rstStream, 0, id, number(errorCode.cancel));
const repeated = (piece: Uint8Array, times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => piece));
const calm = errorCode.enhanceYourCalm;

/** What is said after a call was opened; none of it carries data. */
const floods: readonly (readonly [string, Buffer])[] = [
  ["PING", frame(frameType.ping, 0, 0, Buffer.alloc(8))],
  ["acknowledgements of PING", frame(frameType.ping, flag.ack, 0, Buffer.alloc(8))],
  ["SETTINGS", settings()],
  ["acknowledgements of SETTINGS", frame(frameType.settings, flag.ack, 0, nothing)],
  ["empty DATA", frame(frameType.data, 0, 1, nothing)],
  ["DATA of nothing but padding", frame(frameType.data, flag.padded, 1, Buffer.from([0]))],
  ["WINDOW_UPDATE of the connection", frame(frameType.windowUpdate, 0, 0, number(1))],
  ["WINDOW_UPDATE of a stream", frame(frameType.windowUpdate, 0, 1, number(1))],
  ["PRIORITY", frame(frameType.priority, 0, 1, Buffer.alloc(5))],
  ["GOAWAY", frame(frameType.goaway, 0, 0, Buffer.alloc(8))],
  ["frames nobody knows", frame(0xee, 0, 0, nothing)],
];

describe("a flood of", () => {
  for (const [what, piece] of floods) {
    it(`${what} ends the connection, and as much as an honest client sends does not`, async () => {
      const world = http2World({ onEnd: answerWith(1) });
      world.peer.say(open(1));
      // So much a second, until it is more than may come at once.
      for (let said = 0; said <= transportLimits.idleFrames; said += transportLimits.idleFramesPerSecond - 50) {
        world.peer.say(repeated(piece, transportLimits.idleFramesPerSecond - 50));
        await world.peer.settled();
        world.state.now += 1_000;
      }
      world.peer.say(frame(frameType.data, flag.endStream, 1, nothing));
      await world.peer.until(() => world.peer.ofType(frameType.headers, 1).length === 2);

      const flooded = http2World();
      flooded.peer.say(open(1), repeated(piece, transportLimits.idleFrames + 10));
      assert.equal(await flooded.peer.goodbye(), calm);
      assert.ok(flooded.requests.every(({ closedWith }) => closedWith === calm));
    });
  }

  it("calls that are given up before their answer ends the connection; later ones are free", async () => {
    const rapid = http2World();
    for (let call = 0; call <= transportLimits.resets; call += 1)
      rapid.peer.say(open(2 * call + 1), reset(2 * call + 1));
    assert.equal(await rapid.peer.goodbye(), calm);

    const slow = http2World();
    for (let call = 0; call <= transportLimits.resets; call += 1) {
      slow.peer.say(open(2 * call + 1), reset(2 * call + 1));
      slow.state.now += 10;
      if (call % 100 === 0) await slow.peer.settled();
    }
    await slow.peer.settled();

    const answered = http2World();
    for (let call = 0; call <= transportLimits.resets; call += 1) {
      answered.peer.say(open(2 * call + 1));
      await answered.peer.until(() => answered.requests.length > call);
      answered.requests[call]?.stream.respond(answerHeaders);
      answered.peer.say(reset(2 * call + 1));
    }
    await answered.peer.settled();
  });

  it("calls that make us give them up is the same", async () => {
    const { peer } = http2World();
    for (let id = 1; id <= 2 * transportLimits.resets + 1; id += 2) {
      peer.say(open(id), frame(frameType.windowUpdate, 0, id, number(0)));
    }
    assert.equal(await peer.goodbye(), calm);
  });

  it("malformed requests, and of requests beyond those that may be open, is the same", async () => {
    const malformed = frame(frameType.headers, whole, 1, encodeHeaderBlock([":method", "POST"]));
    for (const piece of [malformed, open(1)]) {
      const { peer } = http2World();
      for (let id = 1; id <= 2 * transportLimits.resets + 40; id += 2) {
        const request = Buffer.from(piece);
        request.writeUInt32BE(id, 5);
        peer.say(request);
      }
      assert.equal(await peer.goodbye(), calm);
    }
  });
});

describe("headers without end", () => {
  it("in small or large frames end the connection; as many as may be do not", async () => {
    for (const part of [nothing, Buffer.alloc(maxPayloadBytes, 0x82)]) {
      const { peer } = http2World();
      peer.say(frame(frameType.headers, 0, 1, requestBlock));
      for (let count = 0; count <= transportLimits.headerBlockFrames; count += 1) {
        peer.say(frame(frameType.continuation, 0, 1, part));
      }
      assert.equal(await peer.goodbye(), calm);
    }
    const { peer, requests } = http2World();
    peer.say(frame(frameType.headers, flag.endStream, 1, requestBlock));
    for (let count = 2; count < transportLimits.headerBlockFrames; count += 1) {
      peer.say(frame(frameType.continuation, 0, 1, nothing));
    }
    peer.say(frame(frameType.continuation, flag.endHeaders, 1, nothing));
    await peer.until(() => requests.length === 1);
  });

  it("that refer to one long field again and again cost their call, and no memory", async () => {
    const { peer, requests } = http2World();
    const long = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xe1, 0x16]), Buffer.alloc(3_040, 0x79)]);
    const bomb = Buffer.concat([requestBlock, long, Buffer.alloc(12_000, 0xbe)]);
    const heap = process.memoryUsage().heapUsed;
    peer.say(frame(frameType.headers, whole, 1, bomb));
    await peer.until(() => peer.ofType(frameType.rstStream, 1).length === 1);
    assert.deepEqual(peer.ofType(frameType.rstStream, 1)[0]?.payload, number(calm));
    assert.ok(process.memoryUsage().heapUsed - heap < 16 * 1024 * 1024);
    // The table followed: the field is there.
    peer.say(frame(frameType.headers, whole, 3, Buffer.concat([requestBlock, Buffer.from([0xbe])])));
    await peer.until(() => requests.length === 1);
    assert.equal(requests[0]?.head.fields.at(-1)?.length, 3_040);
  });

  it("of too many fields cost their call", async () => {
    const { peer } = http2World();
    const many = Array.from({ length: transportLimits.headerFields }, (_, index) => [`x${index}`, ""]).flat();
    peer.say(frame(frameType.headers, whole, 1, encodeHeaderBlock([...requestFields, ...many])));
    await peer.until(() => peer.ofType(frameType.rstStream, 1).length === 1);
  });
});
