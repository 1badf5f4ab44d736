import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { encodeHeaderBlock, HpackDecoder } from "./index.ts";

const limits = { maxTableBytes: 4096, maxListBytes: 2 ** 20, maxFields: 64 };
const part = fc
  .oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 100, maxLength: 20_000 }))
  .map((octets) => Buffer.from(octets).toString("latin1"));
const known = fc.constantFrom(
  [":status", "200"],
  [":status", "415"],
  ["content-type", "application/grpc"],
  ["www-authenticate", ""],
  ["grpc-status", "0"],
);

describe("encodeHeaderBlock", () => {
  it("makes blocks that say the same fields to every decoder, and leave nothing in it", () => {
    const decoder = new HpackDecoder(limits);
    const fields = fc.array(fc.oneof(known, fc.tuple(part, part)), { maxLength: 8 }).map((pairs) => pairs.flat());
    fc.assert(fc.property(fields, (sent) => assert.deepEqual(decoder.decode(encodeHeaderBlock(sent)).fields, sent)));
    assert.throws(() => decoder.decode(Buffer.from([0xbe])), { name: "HpackError" });
  });

  it("writes static entries as one octet, static names as an index, others in full", () => {
    const hex = (...fields: string[]) => encodeHeaderBlock(fields).toString("hex");
    assert.equal(hex(":status", "200"), "88");
    assert.equal(hex(":status", "415"), "0803343135");
    assert.equal(hex("via", "a"), "0f2d0161");
    assert.equal(hex("a", "b"), "0001610162");
    assert.equal(hex(), "");
  });

  it("refuses a character that would lose its upper bits and be another, such as a line's end", () => {
    assert.throws(() => encodeHeaderBlock(["grpc-message", "a\u010ab"]), RangeError);
    assert.equal(encodeHeaderBlock(["a", "\u00ff"]).toString("hex"), "00016101ff");
  });
});
