import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from "./base64.ts";

const cases = [
  { name: "base64url", encode: encodeBase64Url, decode: decodeBase64Url, special: "-_" },
  { name: "base64", encode: encodeBase64, decode: decodeBase64, special: "+/" },
] as const;

for (const { name, encode, decode, special } of cases) {
  describe(`strict ${name}`, () => {
    it("decodes what it encodes", () => {
      fc.assert(
        fc.property(fc.uint8Array(), (bytes) => assert.deepEqual([...(decode(encode(bytes)) ?? [])], [...bytes])),
      );
    });

    it("has one spelling for each byte string", () => {
      fc.assert(
        fc.property(fc.string({ unit: fc.constantFrom(..."AQgw-_+/=\n z") }), (text) => {
          const bytes = decode(text);
          if (bytes !== undefined) assert.equal(encode(bytes), text);
        }),
        { numRuns: 500 },
      );
    });

    it("takes exactly its alphabet, over all byte values", () => {
      const allowed = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter((character) => {
        return decode(`${character}AAA`) !== undefined;
      });
      const expected = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789${special}`;
      assert.deepEqual(new Set(allowed), new Set(expected));
    });
  });
}

describe("padding", () => {
  it("is refused in base64url and demanded in base64", () => {
    assert.deepEqual([decodeBase64Url("QQ"), decodeBase64("QQ==")], [Buffer.from("A"), Buffer.from("A")]);
    assert.deepEqual(
      [decodeBase64Url("QQ=="), decodeBase64("QQ"), decodeBase64("QQ=")],
      [undefined, undefined, undefined],
    );
  });

  it("has unused bits that are zero", () => {
    assert.deepEqual([decodeBase64Url("QR"), decodeBase64("QR==")], [undefined, undefined]);
  });
});
