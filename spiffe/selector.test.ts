import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { loadVectors } from "../test/vectors/load.ts";
import { compareSelectors, Selector, SpiffeError, sortSelectors } from "./index.ts";

/** Any UTF-16 at all, lone surrogates included. */
const anyText = fc.array(fc.nat(0xffff), { maxLength: 20 }).map((codes) => String.fromCharCode(...codes));

type Case = { readonly input: string; readonly clauses: readonly string[] } & (
  | { readonly valid: true; readonly type: string; readonly value: string }
  | { readonly valid: false; readonly code: string }
);

describe("Selector", () => {
  for (const [index, vector] of loadVectors<Case>("selector.json").entries()) {
    const shown = JSON.stringify(vector.input.slice(0, 60));
    it(`vector ${index}: ${vector.valid ? "accepts" : "refuses"} ${shown} (${vector.clauses.join(", ")})`, () => {
      if (!vector.valid) {
        assert.throws(() => Selector.parse(vector.input), { name: "SpiffeError", code: vector.code });
        return;
      }
      const selector = Selector.parse(vector.input);
      assert.deepEqual([selector.type, selector.value], [vector.type, vector.value]);
      assert.equal(selector.toString(), vector.input);
    });
  }

  it("allows every byte value but NUL in a value, and every one but colon and NUL in a type", () => {
    const refused = { type: "", value: "" };
    for (let code = 0; code < 256; code += 1) {
      const character = String.fromCharCode(code);
      if (!accepts(`a${character}`, "v")) refused.type += character;
      if (!accepts("t", `a${character}`)) refused.value += character;
    }
    assert.deepEqual(refused, { type: "\0:", value: "\0" });
  });

  it("refuses a type with a colon, which would print as another selector", () => {
    assert.throws(() => Selector.of("unix:uid", "0"), { code: "ERR_SELECTOR_TYPE" });
  });

  it("counts the length in bytes", () => {
    assert.equal(Selector.of("t", "é".repeat(4096)).value.length, 4096);
    assert.throws(() => Selector.of("t", `${"é".repeat(4096)}x`), { code: "ERR_SELECTOR_VALUE" });
    assert.throws(() => Selector.of("é".repeat(128), "v"), { code: "ERR_SELECTOR_TYPE" });
  });

  it("refuses text that is not Unicode", () => {
    assert.throws(() => Selector.of("t", "\ud800"), { code: "ERR_SELECTOR_CHARACTER" });
  });

  it("compares type and value exactly", () => {
    const selector = Selector.of("unix", "uid:0");
    assert.equal(selector.equals(Selector.parse("unix:uid:0")), true);
    assert.equal(selector.equals(Selector.of("unix", "uid:00")), false);
    assert.equal(selector.equals(Selector.of("Unix", "uid:0")), false);
    assert.equal(JSON.stringify(selector), '"unix:uid:0"');
  });

  it("sorts by type, then value, and drops duplicates", () => {
    const sorted = sortSelectors(["b:1", "a:2", "a:10", "b:1", "a-b:0"].map(Selector.parse));
    assert.deepEqual(sorted.map(String), ["a:10", "a:2", "a-b:0", "b:1"]);
  });

  it("orders consistently and sorts to the same list from any order", () => {
    const arbitrary = fc
      .tuple(fc.constantFrom("a", "b", "a-"), fc.constantFrom("1", "2", "é"))
      .map(([t, v]) => Selector.of(t, v));
    fc.assert(
      fc.property(fc.array(arbitrary), (selectors) => {
        const sorted = sortSelectors(selectors);
        assert.deepEqual(sortSelectors([...selectors].reverse()).map(String), sorted.map(String));
        assert.equal(new Set(sorted.map(String)).size, sorted.length);
        for (const [index, selector] of sorted.slice(1).entries()) {
          const previous = sorted[index];
          assert.ok(previous !== undefined && compareSelectors(previous, selector) < 0);
        }
      }),
    );
  });

  it("parses what it prints, and only ever throws SpiffeError", () => {
    fc.assert(
      fc.property(anyText, anyText, (type, value) => {
        try {
          const selector = Selector.of(type, value);
          assert.equal(Selector.parse(selector.toString()).equals(selector), true);
        } catch (error) {
          assert.ok(error instanceof SpiffeError, String(error));
        }
      }),
      { numRuns: 150 },
    );
  });
});

function accepts(type: string, value: string): boolean {
  try {
    Selector.of(type, value);
    return true;
  } catch (error) {
    assert.ok(error instanceof SpiffeError);
    return false;
  }
}
