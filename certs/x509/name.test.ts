import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { toHex } from "../bytes.ts";
import { DerReader } from "../der/reader.ts";
import { DerWriter } from "../der/writer.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { nameDer, nameText, readName } from "./name.ts";

function attribute(type: string, write: (w: DerWriter) => unknown): Uint8Array {
  return new DerWriter().sequence((w) => write(w.oid(type))).toBytes();
}

function name(...relative: readonly (readonly Uint8Array[])[]): Uint8Array {
  return new DerWriter()
    .sequence((w) => {
      for (const attributes of relative) w.setOf(attributes);
    })
    .toBytes();
}

describe("nameDer()", () => {
  it("writes the attributes in Go's order, as PrintableString where the text allows it", () => {
    const der = nameDer({
      serialNumber: "7",
      commonName: "é*",
      organizationalUnit: "U",
      organization: "SPIRE",
      country: "US",
    });
    assert.equal(nameText(der), "SERIALNUMBER=7,CN=é*,OU=U,O=SPIRE,C=US");
    assert.equal(
      toHex(nameDer({ country: "US", organization: "SPIRE" })),
      "301d310b3009060355040613025553310e300c060355040a13055350495245",
    );
    assert.match(toHex(der), /0c03c3a92a/);
  });

  it("leaves out what is absent or empty", () => {
    assert.equal(toHex(nameDer({ commonName: "", organization: undefined })), "3000");
    assert.equal(nameText(nameDer({})), "");
  });

  it("refuses what RFC 5280 does not allow", () => {
    const bad = [
      { country: "USA" },
      { country: "1!" },
      { commonName: "x".repeat(65) },
      { organization: "a\0b" },
      { organization: "a\nb" },
      { organizationalUnit: "\ud800" },
    ];
    for (const subject of bad) assert.throws(() => nameDer(subject), { code: "ERR_TEMPLATE_INVALID" });
    nameDer({ commonName: "😀".repeat(certsLimits.commonNameChars.value) });
  });
});

describe("nameText()", () => {
  it("escapes what would look like more attributes, and what does not print", () => {
    const text = (value: string): string => nameText(name([attribute("2.5.4.3", (w) => w.utf8String(value))]));
    assert.equal(text("a,O=b+c"), "CN=a\\,O\\=b\\+c");
    assert.equal(text(" x "), "CN=\\ x\\ ");
    assert.equal(text("#1"), "CN=\\#1");
    assert.equal(text("a\u0000\u202e"), "CN=a\\00\\e2\\80\\ae");
  });

  it("shows values and types that it does not know as hex and numbers", () => {
    const attributes = [
      attribute("1.2.3", (w) => w.octetString(Uint8Array.of(1))),
      attribute("2.5.4.3", (w) => w.utf8String("x")),
    ];
    assert.equal(nameText(name(attributes)), "1.2.3=#040101+CN=x");
    assert.equal(nameText(name([attribute("2.5.4.3", (w) => w.element(0x0c, Uint8Array.of(0xff)))])), "CN=#0c01ff");
  });
});

describe("readName()", () => {
  const read = (bytes: Uint8Array): Uint8Array => readName(DerReader.over(bytes));

  it("bounds parts and attributes", () => {
    const max = certsLimits.nameAttributes.value;
    const part = (i: number): Uint8Array => attribute("2.5.4.3", (w) => w.smallInteger(i));
    const parts = (count: number): Uint8Array => name(...Array.from({ length: count }, (_, i) => [part(i)]));
    const wide = (count: number): Uint8Array => name(Array.from({ length: count }, (_, i) => part(i)));
    assert.equal(read(parts(max)).length, parts(max).length);
    assert.equal(read(wide(max)).length, wide(max).length);
    assert.throws(() => read(parts(max + 1)), { code: "ERR_DER_TOO_LARGE" });
    assert.throws(() => read(wide(max + 1)), { code: "ERR_DER_TOO_LARGE" });
  });

  it("refuses a part without attributes, and an attribute with more than a type and a value", () => {
    assert.throws(() => read(name([])), { code: "ERR_DER_UNEXPECTED" });
    const more = attribute("2.5.4.3", (w) => w.utf8String("x").null());
    assert.throws(() => read(name([more])), { code: "ERR_DER_TRAILING_DATA" });
  });

  it("takes hostile bytes with a CertsError or gives text", () => {
    const seed = nameDer({ country: "US", organization: "SPIRE", commonName: "é" });
    const mutated = fc
      .array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((edits) => {
        const out = seed.slice();
        for (const [at, value] of edits) out[at] = value;
        return out;
      });
    fc.assert(
      fc.property(mutated, (bytes) => {
        try {
          assert.equal(typeof nameText(read(bytes)), "string");
        } catch (error) {
          assert.ok(error instanceof CertsError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});
