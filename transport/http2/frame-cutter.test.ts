import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ConnectionError, errorCode } from "./errors.ts";
import { FrameCutter, type FrameSink } from "./frame-cutter.ts";
import { frame, maxPayloadBytes } from "./frames.ts";

type Cut = readonly [type: number, flags: number, id: number, payload: string];

class Collector implements FrameSink {
  readonly frames: Cut[] = [];
  /** Frames that are taken before it says that it is full. */
  room = Number.POSITIVE_INFINITY;

  get isFull(): boolean {
    return this.frames.length >= this.room;
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, end: number): void {
    this.frames.push([type, flags, id, bytes.toString("latin1", from, end)]);
  }
}

const byte = fc.nat(255);
const frames = fc.array(
  fc.tuple(
    byte,
    byte,
    fc.nat(2 ** 31 - 1),
    fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(new Uint8Array(3_000))),
  ),
  { maxLength: 8 },
);

describe("frames", () => {
  it("are the same in whatever chunks they come, and however often nobody wants any for a while", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), byte, (sent, sizes, rests) => {
        const said = Buffer.concat(sent.map(([type, flags, id, payload]) => frame(type, flags, id, payload)));
        const sink = new Collector();
        const cutter = new FrameCutter(sink);
        for (let at = 0, turn = 0; at < said.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          sink.room = turn % 8 < rests / 32 ? sink.frames.length : Number.POSITIVE_INFINITY;
          cutter.push(said.subarray(at, at + size));
          at += size;
        }
        sink.room = Number.POSITIVE_INFINITY;
        cutter.resume();
        assert.deepEqual(
          sink.frames,
          sent.map(([type, flags, id, payload]) => [type, flags, id, Buffer.from(payload).toString("latin1")]),
        );
      }),
      { numRuns: 150 },
    );
  });

  it("of the largest size are taken; one byte more is refused at its head, in one piece or byte by byte", () => {
    const sink = new Collector();
    new FrameCutter(sink).push(frame(0, 0, 1, Buffer.alloc(maxPayloadBytes)));
    assert.equal(sink.frames.length, 1);
    const head = frame(0, 0, 1, Buffer.alloc(maxPayloadBytes + 1)).subarray(0, 9);
    const tooLarge = (error: unknown): boolean =>
      error instanceof ConnectionError && error.code === errorCode.frameSizeError;
    assert.throws(() => new FrameCutter(sink).push(head), tooLarge);
    const drip = new FrameCutter(sink);
    assert.throws(() => {
      for (const one of head) drip.push(Buffer.from([one]));
      drip.push(Buffer.from([0]));
    }, tooLarge);
  });
});
