import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeMessageText, encodeMessageText } from "./message-text.ts";
import { formatTimeout, parseTimeout } from "./timeout.ts";

describe("grpc-message", () => {
  it("comes back as it went, and is plain ASCII on the way", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), (text) => {
        const encoded = encodeMessageText(text);
        assert.match(encoded, /^[\x20-\x7e]*$/);
        assert.equal(decodeMessageText(encoded), text.toWellFormed());
      }),
    );
  });

  it("survives half surrogates, bad escapes and endless texts", () => {
    assert.equal(decodeMessageText(encodeMessageText("a\ud800b")), "a\ufffdb");
    assert.equal(decodeMessageText("100%"), "100%");
    assert.equal(decodeMessageText("%zz%4"), "%zz%4");
    assert.ok(encodeMessageText("x".repeat(1e6)).length < 3_000);
  });
});

describe("grpc-timeout", () => {
  it("parses every unit and refuses everything else", () => {
    assert.equal(parseTimeout("2H"), 7_200_000);
    assert.equal(parseTimeout("3M"), 180_000);
    assert.equal(parseTimeout("4S"), 4_000);
    assert.equal(parseTimeout("5m"), 5);
    assert.equal(parseTimeout("6000u"), 6);
    assert.equal(parseTimeout("7000000n"), 7);
    for (const bad of ["", "S", "1", "1x", "-1S", "123456789S", "1.5S", " 1S"])
      assert.equal(parseTimeout(bad), undefined);
  });

  it("never shortens and always fits", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 3e14, noNaN: true }), (ms) => {
        const parsed = parseTimeout(formatTimeout(ms));
        assert.ok(parsed !== undefined && (parsed >= ms || parsed === 99_999_999 * 3_600_000));
      }),
    );
  });
});
