import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { certsLimits } from "../limits.ts";
import { DerReader } from "./reader.ts";
import { tag } from "./tags.ts";
import { DerWriter } from "./writer.ts";

interface Vector {
  readonly name: string;
  readonly clause: string;
  readonly hex: string;
  readonly code?: string;
}

const file = new URL("../../test/vectors/der/malformed.json", import.meta.url);
const { vectors }: { readonly vectors: readonly Vector[] } = JSON.parse(readFileSync(file, "utf8"));

const typed: Readonly<Record<number, (reader: DerReader) => unknown>> = {
  [tag.boolean]: (reader) => reader.readBoolean(),
  [tag.integer]: (reader) => reader.readInteger(),
  34: (reader) => reader.readInteger(),
  [tag.bitString]: (reader) => reader.readBitString(),
  35: (reader) => reader.readBitString(),
  [tag.octetString]: (reader) => reader.readOctetString(),
  36: (reader) => reader.readOctetString(),
  [tag.null]: (reader) => reader.readNull(),
  [tag.oid]: (reader) => reader.readOid(),
  [tag.utcTime]: (reader) => reader.readTime(),
  [tag.generalizedTime]: (reader) => reader.readTime(),
  [tag.set]: (reader) => reader.readSetOf(),
  [tag.sequence]: (reader) => reader.enter().readAll(),
};

function readAsTyped(bytes: Uint8Array): void {
  const reader = DerReader.over(bytes);
  const read = typed[bytes[0] ?? -1] ?? ((any: DerReader) => any.readElement());
  read(reader);
  reader.finish();
}

describe("DER vectors", () => {
  for (const { name, clause, hex, code } of vectors) {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    it(`${code === undefined ? "accepts" : "refuses"} ${name} (${clause})`, () => {
      if (code === undefined) readAsTyped(bytes);
      else assert.throws(() => readAsTyped(bytes), { name: "CertsError", code });
    });
  }
});

describe("DerReader", () => {
  it("names the type it found and the one that belongs there", () => {
    const reader = DerReader.over(Buffer.from("0500", "hex"));
    assert.throws(() => reader.readOid(), { code: "ERR_DER_UNEXPECTED", message: "null where oid belongs" });
    assert.throws(() => reader.read(0xa3), { message: "null where tag 0xa3 belongs" });
  });

  it("says what is missing at the end", () => {
    const reader = DerReader.over(new Uint8Array(0));
    assert.equal(reader.peekTag(), undefined);
    assert.throws(() => reader.readOid(), { code: "ERR_DER_TRUNCATED", message: "no element where oid belongs" });
  });

  it("follows as deep as the limit and not one level more", () => {
    const nested = (levels: number): Uint8Array =>
      levels === 0 ? new Uint8Array(0) : new DerWriter().element(tag.sequence, nested(levels - 1)).toBytes();
    const descend = (levels: number): void => {
      let reader = DerReader.over(nested(levels));
      for (let i = 0; i < levels; i++) reader = reader.enter();
    };
    descend(certsLimits.derDepth.value);
    assert.throws(() => descend(certsLimits.derDepth.value + 1), { code: "ERR_DER_TOO_DEEP" });
  });

  it("takes input as large as the limit and not one byte more", () => {
    const max = certsLimits.derBytes.value;
    const largest = new DerWriter().octetString(new Uint8Array(max - 5)).toBytes();
    assert.equal(DerReader.over(largest).readOctetString().length, max - 5);
    assert.throws(() => DerReader.over(new Uint8Array(max + 1)), { code: "ERR_DER_TOO_LARGE" });
    assert.throws(() => DerReader.over(new Uint8Array(3), { maxBytes: 2 }), { code: "ERR_DER_TOO_LARGE" });
  });

  it("bounds lists", () => {
    const list = new DerWriter().boolean(true).boolean(true).toBytes();
    assert.equal(DerReader.over(list).readAll(2).length, 2);
    assert.throws(() => DerReader.over(list).readAll(1), { code: "ERR_DER_TOO_LARGE" });
  });

  it("refuses a default that is written out", () => {
    assert.equal(DerReader.over(Buffer.from("0101ff", "hex")).readDefaultFalse(), true);
    assert.equal(DerReader.over(Buffer.from("0500", "hex")).readDefaultFalse(), false);
    assert.throws(() => DerReader.over(Buffer.from("010100", "hex")).readDefaultFalse(), {
      code: "ERR_DER_NOT_CANONICAL",
    });
  });

  it("reads small numbers up to 2³¹ − 1 and refuses negative and larger ones", () => {
    const read = (hex: string): number => DerReader.over(Buffer.from(hex, "hex")).readSmallInteger();
    assert.equal(read("02047fffffff"), 0x7fff_ffff);
    for (const hex of ["02050080000000", "0206010000000000", "0201ff"]) {
      assert.throws(() => read(hex), { code: "ERR_DER_UNEXPECTED" });
    }
  });

  it("refuses a byte string that is not whole bytes", () => {
    assert.throws(() => DerReader.over(Buffer.from("030203f8", "hex")).readByteString(), {
      code: "ERR_DER_UNEXPECTED",
    });
  });

  it("enters an optional element only when it is there", () => {
    const bytes = new DerWriter().explicit(1, (w) => w.null()).toBytes();
    assert.equal(DerReader.over(bytes).enterOptional(0xa0), undefined);
    DerReader.over(bytes).enterOptional(0xa1)?.readNull();
  });

  it("reads inside its range only, when the input is a view of a larger buffer", () => {
    const buffer = Buffer.from("0500040401020304", "hex");
    assert.throws(() => DerReader.over(buffer.subarray(2, 6)).readOctetString(), { code: "ERR_DER_TRUNCATED" });
  });
});
