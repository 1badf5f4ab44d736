import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { toHex } from "../bytes.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { tlv, unsignedInteger } from "./encode.ts";
import { DerReader } from "./reader.ts";
import { DerSplice } from "./splice.ts";
import { DerWriter } from "./writer.ts";

const bytes = fc.uint8Array({ maxLength: 300 });
const reading = (writer: DerWriter): DerReader => DerReader.over(writer.toBytes());

/** Walks everything that can be entered and writes it again. */
function rewrite(reader: DerReader): Uint8Array {
  const out = new DerWriter();
  while (!reader.isAtEnd) {
    const next = reader.peekTag() ?? 0;
    if ((next & 0x20) === 0) {
      const { tag, content } = reader.readElement();
      out.element(tag, content);
    } else {
      out.element(next, rewrite(reader.enter(next)));
    }
  }
  return out.toBytes();
}

describe("DerWriter and DerReader", () => {
  it("agree on unsigned integers of any length", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 400n }), (value) => {
        const hex = value.toString(16);
        const magnitude = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
        const read = reading(new DerWriter().unsignedInteger(magnitude)).readUnsignedInteger();
        assert.equal(BigInt(`0x${toHex(read)}`), value);
      }),
    );
  });

  it("agree on small numbers, booleans, octet strings and text", () => {
    fc.assert(
      fc.property(fc.nat(0x7fff_ffff), fc.boolean(), bytes, fc.string(), (number, flag, octets, text) => {
        const reader = reading(new DerWriter().smallInteger(number).boolean(flag).octetString(octets).utf8String(text));
        assert.equal(reader.readSmallInteger(), number);
        assert.equal(reader.readBoolean(), flag);
        assert.deepEqual(reader.readOctetString(), octets);
        assert.equal(
          new TextDecoder().decode(reader.read(0x0c)),
          new TextDecoder().decode(new TextEncoder().encode(text)),
        );
        reader.finish();
      }),
    );
  });

  it("agree on object identifiers, arcs of 128 bits included", () => {
    const arc = fc.oneof(fc.nat(200).map(BigInt), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }));
    fc.assert(
      fc.property(fc.nat(2), arc, fc.array(arc, { maxLength: 2 }), (first, second, rest) => {
        const text = [first, first < 2 ? second % 40n : second, ...rest].join(".");
        assert.equal(reading(new DerWriter().oid(text)).readOid(), text);
      }),
    );
  });

  it("agree on times from 1950 to 9999, to the second", () => {
    const range = { min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31, 23, 59, 59) / 1000 };
    fc.assert(
      fc.property(fc.integer(range), fc.nat(999), (seconds, fraction) => {
        assert.equal(reading(new DerWriter().time(seconds * 1000 + fraction)).readTime(), seconds * 1000);
      }),
    );
  });

  it("agree on bit strings", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(7), (content, unusedBits) => {
        const masked = content.slice();
        masked[masked.length - 1] = (masked.at(-1) ?? 0) & (0xff << unusedBits) & 0xff;
        const read = reading(new DerWriter().bitString(masked, unusedBits)).readBitString();
        assert.deepEqual(read, { bytes: masked, unusedBits });
      }),
    );
  });

  it("sorts a set as the reader wants it", () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), (contents) => {
        const elements = contents.map((content) => tlv(0x04, content));
        assert.equal(reading(new DerWriter().setOf(elements)).readSetOf().length, elements.length);
      }),
    );
  });

  it("has one encoding: whatever the reader accepts is written back byte for byte", () => {
    const element = fc
      .tuple(fc.constantFrom(0x02, 0x04, 0x0c, 0x30, 0x31, 0xa0, 0x80), bytes)
      .map(([t, c]) => tlv(t, c));
    const hostile = fc.oneof(
      bytes,
      fc.array(element, { maxLength: 4 }).map((list) => Buffer.concat(list)),
    );
    fc.assert(
      fc.property(hostile, (input) => {
        let written: Uint8Array;
        try {
          written = rewrite(DerReader.over(input));
        } catch (error) {
          assert.ok(error instanceof CertsError);
          return;
        }
        assert.equal(toHex(written), toHex(input));
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses what has no encoding", () => {
    const unexpected = [
      () => new DerWriter().smallInteger(-1),
      () => new DerWriter().smallInteger(2 ** 31),
      () => new DerWriter().smallInteger(0.5),
      () => new DerWriter().bitString(Uint8Array.of(0xff), 1),
      () => new DerWriter().bitString(new Uint8Array(0), 1),
      () => new DerWriter().bitString(Uint8Array.of(0), 8),
      () => new DerWriter().ia5String("é"),
      () => new DerWriter().printableString("a*b"),
      () => new DerWriter().oid("1.40.1"),
      () => new DerWriter().oid("1"),
      () => new DerWriter().oid("3.1"),
      () => new DerWriter().oid("1.02"),
      () => new DerWriter().oid(`1.${"1.".repeat(200)}1`),
    ];
    for (const write of unexpected) assert.throws(write, { code: "ERR_DER_UNEXPECTED" });
    for (const ms of [Date.UTC(1949, 11, 31), Date.UTC(10_000, 0, 1), Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => new DerWriter().time(ms), { code: "ERR_DER_TIME" });
    }
    assert.throws(() => tlv(0x04, new Uint8Array(certsLimits.derBytes.value + 1)), { code: "ERR_DER_TOO_LARGE" });
  });

  it("writes text types and an empty magnitude", () => {
    assert.equal(toHex(new DerWriter().ia5String("a@b").printableString("A b").toBytes()), "1603614062" + "1303412062");
    assert.equal(toHex(unsignedInteger(new Uint8Array(0))), "020100");
    assert.equal(toHex(new DerWriter().implicit(2, Uint8Array.of(1)).toBytes()), "820101");
  });
});

describe("DerSplice", () => {
  it("writes the same as nested elements, at every length form", () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const content = new Uint8Array(length).fill(7);
      const splice = new DerSplice(length + 20);
      const end = splice.mark;
      splice.bytes(content);
      splice.header(0x04, end);
      splice.sequence(end);
      assert.deepEqual(splice.toBytes(), tlv(0x30, tlv(0x04, content)));
    }
  });

  it("does not write outside its capacity", () => {
    const splice = new DerSplice(1);
    assert.throws(() => splice.header(0x04, splice.mark), RangeError);
    assert.throws(() => new DerSplice(1).bytes(new Uint8Array(2)), RangeError);
  });
});
