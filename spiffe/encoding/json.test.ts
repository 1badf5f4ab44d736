import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isJsonArray, isJsonObject, JsonSyntaxError, type JsonValue, parseJson } from "./json.ts";

const malformed = [
  "",
  " ",
  "{",
  "}",
  "[",
  "[1,]",
  "[,1]",
  "[1 2]",
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  "{a:1}",
  "{1:2}",
  '{"a":1 "b":2}',
  '"',
  '"\\',
  '"\\x"',
  '"\\u12"',
  '"\\u12g4"',
  '"a\nb"',
  '"a\0b"',
  "01",
  "-",
  "+1",
  ".5",
  "1.",
  "1e",
  "1e+",
  "0x1",
  "1e999",
  "-1e999",
  "NaN",
  "Infinity",
  "tru",
  "True",
  "nul",
  "undefined",
  "1 2",
  "\ufeff1",
  "\u00a01",
  "'a'",
  "//\n1",
];

describe("parseJson()", () => {
  it("agrees with JSON.parse on whatever JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const expected: unknown = JSON.parse(text);
        assert.deepEqual(plain(parseJson(text)), expected);
        assert.deepEqual(
          plain(parseJson(Buffer.from(text.isWellFormed() ? text : '""'))),
          text.isWellFormed() ? expected : "",
        );
      }),
    );
  });

  for (const text of malformed) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseJson(text), JsonSyntaxError);
    });
  }

  it("accepts nothing that JSON.parse refuses, and throws nothing but JsonSyntaxError", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      '"a"',
      '"',
      ":",
      ",",
      "1",
      "-",
      ".",
      "e",
      "true",
      "null",
      "\\u0061",
      "\\",
      " ",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        let value: JsonValue;
        try {
          value = parseJson(text);
        } catch (error) {
          assert.ok(error instanceof JsonSyntaxError, String(error));
          return;
        }
        const expected: unknown = JSON.parse(text);
        assert.deepEqual(plain(value), expected);
      }),
      { numRuns: 3000 },
    );
  });

  it("refuses bytes that are not UTF-8, and the same for every lone byte above ASCII", () => {
    for (let byte = 0x80; byte < 256; byte += 1) {
      assert.throws(() => parseJson(Uint8Array.of(0x22, byte, 0x22)), JsonSyntaxError);
    }
    assert.equal(parseJson(Buffer.from('"é世😀"')), "é世😀");
  });

  it("keeps integers beyond 2^53 exact and everything else a number", () => {
    assert.equal(parseJson("9007199254740991"), 9007199254740991);
    assert.equal(parseJson("9007199254740993"), 9007199254740993n);
    assert.equal(parseJson("-9007199254740993"), -9007199254740993n);
    assert.equal(parseJson("18446744073709551615"), 18446744073709551615n);
    assert.equal(parseJson("1.5e3"), 1500);
    assert.equal(parseJson("123456789012345678901234567890"), Number("123456789012345678901234567890"));
  });

  it("refuses a repeated name, however it is spelt, but not in different objects", () => {
    assert.throws(() => parseJson('{"a":1,"\\u0061":2}'), { message: /repeated/ });
    assert.throws(() => parseJson('[{"b":{"a":1,"a":2}}]'), { message: /repeated/ });
    assert.doesNotThrow(() => parseJson('[{"a":1},{"a":{"a":1}}]'));
  });

  it("keeps __proto__ an ordinary name", () => {
    const value = parseJson('{"__proto__":1}');
    assert.equal(isJsonObject(value) ? value.get("__proto__") : undefined, 1);
  });

  it("bounds nesting", () => {
    assert.doesNotThrow(() => parseJson(`${"[".repeat(32)}${"]".repeat(32)}`));
    assert.throws(() => parseJson(`${"[".repeat(34)}${"]".repeat(34)}`), { message: /too deeply/ });
    assert.throws(() => parseJson('{"a":'.repeat(100_000)), { message: /too deeply/ });
  });

  it("names the place of an error and not the text", () => {
    assert.throws(() => parseJson('{"a": secret}'), { message: "a value was expected at offset 6" });
  });
});

/** As JSON.parse would give it. */
function plain(value: JsonValue): unknown {
  if (isJsonObject(value)) return Object.fromEntries([...value].map(([name, member]) => [name, plain(member)]));
  if (isJsonArray(value)) return value.map(plain);
  return typeof value === "bigint" ? Number(value) : value;
}
