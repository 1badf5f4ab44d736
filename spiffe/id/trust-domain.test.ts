import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { loadVectors } from "../../test/vectors/load.ts";
import { SpiffeError, SpiffeId, TrustDomain } from "../index.ts";

/** Any UTF-16 at all, lone surrogates included. */
const anyText = fc.array(fc.nat(0xffff), { maxLength: 20 }).map((codes) => String.fromCharCode(...codes));

type Case = { readonly input: string; readonly form: "name" | "name-or-id"; readonly clauses: readonly string[] } & (
  | { readonly valid: true; readonly name: string }
  | { readonly valid: false; readonly code: string }
);

const parsers = { name: TrustDomain.parse, "name-or-id": TrustDomain.parseNameOrId } as const;

describe("TrustDomain", () => {
  for (const [index, vector] of loadVectors<Case>("trust-domain.json").entries()) {
    const shown = `${JSON.stringify(vector.input.slice(0, 60))} as ${vector.form}`;
    it(`vector ${index}: ${vector.valid ? "accepts" : "refuses"} ${shown} (${vector.clauses.join(", ")})`, () => {
      const parse = parsers[vector.form];
      if (vector.valid) assert.equal(parse(vector.input).name, vector.name);
      else assert.throws(() => parse(vector.input), { name: "SpiffeError", code: vector.code });
    });
  }

  it("allows exactly the characters of SPIFFE-ID §2.1, over all byte values", () => {
    const allowed: string[] = [];
    for (let code = 0; code < 256; code += 1) {
      const character = String.fromCharCode(code);
      try {
        TrustDomain.parse(character);
        allowed.push(character);
      } catch (error) {
        assert.ok(error instanceof SpiffeError);
      }
    }
    assert.equal(allowed.join(""), "-.0123456789_abcdefghijklmnopqrstuvwxyz");
  });

  it("is a name, and has an ID without a path", () => {
    const td = TrustDomain.parse("example.org");
    assert.equal(td.idString, "spiffe://example.org");
    assert.equal(td.id().equals(SpiffeId.parse("spiffe://example.org")), true);
    assert.equal(`${td} ${JSON.stringify(td)}`, 'example.org "example.org"');
  });

  it("compares byte by byte", () => {
    const td = TrustDomain.parse("example.org");
    assert.equal(td.equals(TrustDomain.parse("example.org")), true);
    assert.equal(td.equals(TrustDomain.parse("example.org.")), false);
  });

  it("parses what it prints, in both forms", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9._-]{1,60}$/), (name) => {
        const td = TrustDomain.parse(name);
        assert.equal(TrustDomain.parse(td.toString()).equals(td), true);
        assert.equal(TrustDomain.parseNameOrId(td.toString()).equals(td), true);
        assert.equal(TrustDomain.parseNameOrId(td.idString).equals(td), true);
      }),
    );
  });

  it("only ever throws SpiffeError", () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(TrustDomain.parse, TrustDomain.parseNameOrId), (text, parse) => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof SpiffeError, String(error));
        }
      }),
      { numRuns: 150 },
    );
  });
});
