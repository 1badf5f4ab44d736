import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import protobuf from "protobufjs/minimal.js";
import { WireReader } from "./reader.ts";
import { WireWriter } from "./writer.ts";

const uint32 = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 127, 128, 0xffffffff));
const int64 = fc.maxSafeInteger();

describe("protobuf's wire format", () => {
  it("is written as protobufjs writes it", () => {
    const values = fc.tuple(uint32, fc.integer(), fc.boolean(), fc.double(), fc.uint8Array(), fc.string());
    fc.assert(
      fc.property(values, ([tag, number, flag, real, bytes, text]) => {
        const ours = new WireWriter().uint32(tag).int64(number).bool(flag).double(real).bytes(bytes).string(text);
        ours.message((inner) => inner.string(text));
        const theirs = protobuf.Writer.create().uint32(tag).int32(number).bool(flag).double(real);
        theirs.bytes(bytes).string(text).fork().string(text).ldelim();
        assert.deepEqual(new Uint8Array(ours.finish()), new Uint8Array(theirs.finish()));
      }),
    );
  });

  it("is read as it was written", () => {
    const values = fc.tuple(uint32, int64, fc.boolean(), fc.double(), fc.uint8Array(), fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(values, ([tag, number, flag, real, bytes, text]) => {
        const writer = new WireWriter().uint32(tag).int64(number).bool(flag).double(real).bytes(bytes).string(text);
        const reader = new WireReader(writer.finish());
        assert.equal(reader.uint32(), tag);
        assert.equal(reader.int64(), number);
        assert.equal(reader.bool(), flag);
        assert.deepEqual(reader.double(), real);
        assert.deepEqual(new Uint8Array(reader.bytes()), bytes);
        assert.equal(reader.string(), text);
        assert.equal(reader.isAtEnd, true);
      }),
    );
  });

  const read = (hex: string, use: (reader: WireReader) => unknown): unknown => {
    const reader = new WireReader(Buffer.from(hex, "hex"));
    const value = use(reader);
    assert.equal(reader.isAtEnd, true);
    return value;
  };

  it("takes numbers with leading zeros up to ten bytes", () => {
    assert.equal(
      read("8a808080808080808000", (reader) => reader.uint32()),
      10,
    );
    assert.equal(
      read("ffffffffffffffffff01", (reader) => reader.int64()),
      -1,
    );
  });

  for (const [what, hex, use] of [
    ["a number that ends early", "8a", (reader: WireReader) => reader.uint32()],
    ["a number beyond 32 bits", "8080808010", (reader: WireReader) => reader.uint32()],
    ["a number of eleven bytes", "8080808080808080808000", (reader: WireReader) => reader.int64()],
    ["bytes that end early", "0301", (reader: WireReader) => reader.bytes()],
    ["bytes of 4 GiB that are not there", "ffffffff0f01", (reader: WireReader) => reader.bytes()],
    ["a double that ends early", "00000000000000", (reader: WireReader) => reader.double()],
    ["a group that does not close", "0a0101", (reader: WireReader) => reader.skip(3)],
    ["the end of a group that is not open", "", (reader: WireReader) => reader.skip(4)],
    ["an unknown type", "00", (reader: WireReader) => reader.skip(6)],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => use(new WireReader(Buffer.from(hex, "hex"))), RangeError);
    });
  }

  it("skips what it is not asked for, a hundred thousand nested groups too", () => {
    for (const [type, hex] of [
      [0, "ff01"],
      [1, "0000000000000000"],
      [2, "020102"],
      [5, "00000000"],
      [3, `080112020102${"0b".repeat(100_000)}${"0c".repeat(100_000)}0c`],
    ] as const) {
      read(hex, (reader) => reader.skip(type));
    }
  });
});
