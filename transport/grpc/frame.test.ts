import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FrameReader, frameMessage } from "./frame.ts";

describe("FrameReader", () => {
  it("gives back what was framed, however it is cut", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 }), (sent, cuts) => {
        const wire = Buffer.concat(sent.map(frameMessage));
        const reader = new FrameReader(50);
        const got: Buffer[] = [];
        let at = 0;
        for (let turn = 0; at < wire.length; turn += 1) {
          const size = cuts[turn % cuts.length] ?? 1;
          got.push(...reader.push(wire.subarray(at, at + size)));
          at += size;
        }
        assert.deepEqual(
          got.map((message) => [...message]),
          sent.map((message) => [...message]),
        );
        assert.equal(reader.isMidMessage, false);
      }),
    );
  });

  it("takes a message at the limit and refuses one byte more, before the bytes come", () => {
    assert.equal(new FrameReader(10).push(frameMessage(new Uint8Array(10))).length, 1);
    const head = frameMessage(new Uint8Array(11)).subarray(0, 5);
    assert.throws(() => new FrameReader(10).push(head), { code: "ERR_MESSAGE_TOO_LARGE" });
  });

  it("refuses compressed messages and broken flags", () => {
    assert.throws(() => new FrameReader(10).push(Buffer.from([1, 0, 0, 0, 0])), { code: "ERR_UNIMPLEMENTED" });
    assert.throws(() => new FrameReader(10).push(Buffer.from([7, 0, 0, 0, 0])), { code: "ERR_MALFORMED_REQUEST" });
  });

  it("holds no more than the unfinished message, however large the chunks were that brought it", () => {
    const reader = new FrameReader(1_000);
    const wire = frameMessage(new Uint8Array(1_000));
    const slab = Buffer.alloc(64 * 1024);
    for (let at = 0; at < 900; at += 1) {
      slab[at] = wire[at] ?? 0;
      reader.push(slab.subarray(at, at + 1));
      assert.ok(reader.heldBytes <= Math.min(1_005, 2 * (at + 1) + 10), `${reader.heldBytes} after ${at + 1}`);
    }
    assert.equal(reader.push(wire.subarray(900)).length, 1);
    assert.equal(reader.heldBytes, 0);
    reader.push(wire.subarray(0, 900));
    reader.drop();
    assert.deepEqual([reader.heldBytes, reader.isMidMessage, reader.push(wire).length], [0, false, 1]);
  });

  it("does not reserve what a prefix only announces", () => {
    const reader = new FrameReader(4 * 1024 * 1024);
    reader.push(Buffer.from([0, 0, 0x40, 0, 0]));
    assert.ok(reader.heldBytes <= 16, String(reader.heldBytes));
  });

  it("knows when it is inside a message", () => {
    const reader = new FrameReader(10);
    reader.push(Buffer.from([0, 0, 0]));
    assert.equal(reader.isMidMessage, true);
  });
});
