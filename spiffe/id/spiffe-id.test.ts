import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { loadVectors } from "../../test/vectors/load.ts";
import { SpiffeError, SpiffeId, TrustDomain } from "../index.ts";

/** Any UTF-16 at all, lone surrogates included. */
const anyText = fc.array(fc.nat(0xffff), { maxLength: 20 }).map((codes) => String.fromCharCode(...codes));

type Case = { readonly input: string; readonly clauses: readonly string[] } & (
  | { readonly valid: true; readonly trustDomain: string; readonly path: string }
  | { readonly valid: false; readonly code: string }
);

const td = TrustDomain.parse("example.org");
const allBytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));

describe("SpiffeId.parse()", () => {
  for (const [index, vector] of loadVectors<Case>("spiffe-id.json").entries()) {
    const shown = JSON.stringify(vector.input.slice(0, 60));
    it(`vector ${index}: ${vector.valid ? "accepts" : "refuses"} ${shown} (${vector.clauses.join(", ")})`, () => {
      if (!vector.valid) {
        assert.throws(() => SpiffeId.parse(vector.input), { name: "SpiffeError", code: vector.code });
        return;
      }
      const id = SpiffeId.parse(vector.input);
      assert.equal(id.toString(), vector.input);
      assert.equal(id.trustDomain.name, vector.trustDomain);
      assert.equal(id.path, vector.path);
      assert.deepEqual(SpiffeId.of(TrustDomain.parse(vector.trustDomain), vector.path).toString(), vector.input);
    });
  }

  it("allows exactly the characters of SPIFFE-ID §2.2 in a path, over all byte values", () => {
    const allowed = allBytes.filter((character) => accepts(`spiffe://example.org/a${character}b`));
    const expected = [..."-./", ..."0123456789", ..."ABCDEFGHIJKLMNOPQRSTUVWXYZ", "_", ..."abcdefghijklmnopqrstuvwxyz"];
    assert.deepEqual(allowed, expected);
  });

  it("allows exactly the characters of SPIFFE-ID §2.1 in a trust domain, over all byte values (P-01)", () => {
    const allowed = allBytes.filter((character) => accepts(`spiffe://a${character}b`));
    // A slash ends the trust domain.
    const expected = [..."-./", ..."0123456789", "_", ..."abcdefghijklmnopqrstuvwxyz"];
    assert.deepEqual(allowed, expected);
  });

  it("refuses every byte value before the scheme and, unless the charset has it, after the end", () => {
    for (const character of allBytes) assert.equal(accepts(`${character}spiffe://example.org/a`), false);
    const trailing = allBytes.filter((character) => accepts(`spiffe://example.org/a${character}`));
    assert.equal(trailing.length, 26 + 26 + 10 + 3);
  });

  it("never quotes more than one character of what it refuses", () => {
    assert.throws(
      () => SpiffeId.parse("spiffe://example.org/secret words"),
      (error: Error) => {
        assert.doesNotMatch(error.message, /secret|words/);
        return true;
      },
    );
  });
});

describe("SpiffeId.parseSharing()", () => {
  const known = TrustDomain.parse("example.org");

  it("gives what parse gives, and shares the trust domain of members only", () => {
    for (const text of [
      "spiffe://example.org",
      "spiffe://example.org/a/b",
      "spiffe://example.orga/b",
      "spiffe://o/a",
    ]) {
      const id = SpiffeId.parseSharing(text, known);
      assert.equal(id.equals(SpiffeId.parse(text)), true);
      assert.equal(id.trustDomain.name, SpiffeId.parse(text).trustDomain.name);
      assert.equal(id.trustDomain === known, id.isMemberOf(known));
    }
  });

  it("refuses what parse refuses", () => {
    const bad = [
      "",
      "spiffe://example.org/",
      "spiffe://example.org/a//b",
      "spiffe://example.org?x",
      "spiffe://example.org:1/a",
    ];
    bad.push(
      "spiffe://example.org/../a",
      "spiffe://EXAMPLE.org/a",
      `spiffe://example.org/${"a".repeat(2_048)}`,
      "spiffe:///a",
    );
    for (const text of bad) {
      assert.throws(() => SpiffeId.parseSharing(text, known), SpiffeError, text);
      assert.throws(() => SpiffeId.parse(text), SpiffeError, text);
    }
  });
});

describe("SpiffeId", () => {
  it("compares the path case-sensitively", () => {
    const lower = SpiffeId.parse("spiffe://example.org/a");
    assert.equal(lower.equals(SpiffeId.parse("spiffe://example.org/a")), true);
    assert.equal(lower.equals(SpiffeId.parse("spiffe://example.org/A")), false);
    assert.equal(lower.equals(SpiffeId.parse("spiffe://example.com/a")), false);
  });

  it("keeps trust domains apart that only look alike (P-04)", () => {
    const id = SpiffeId.parse("spiffe://1.2.3.4/x");
    assert.equal(id.isMemberOf(TrustDomain.parse("1.2.3.4")), true);
    assert.equal(id.isMemberOf(TrustDomain.parse("01.2.3.4")), false);
    assert.equal(SpiffeId.parse("spiffe://example.org./x").isMemberOf(td), false);
  });

  it("gives its segments", () => {
    assert.deepEqual(SpiffeId.parse("spiffe://example.org/a/b").segments, ["a", "b"]);
    assert.deepEqual(SpiffeId.parse("spiffe://example.org").segments, []);
  });

  it("builds from segments and refuses one that would become two or vanish", () => {
    assert.equal(SpiffeId.fromSegments(td, "a", "b").toString(), "spiffe://example.org/a/b");
    assert.equal(SpiffeId.fromSegments(td).toString(), "spiffe://example.org");
    assert.throws(() => SpiffeId.fromSegments(td, "a/b"), { code: "ERR_SPIFFE_PATH_CHARACTER" });
    assert.throws(() => SpiffeId.fromSegments(td, "a", ""), { code: "ERR_SPIFFE_PATH_EMPTY_SEGMENT" });
    assert.throws(() => SpiffeId.fromSegments(td, ".."), { code: "ERR_SPIFFE_PATH_DOT_SEGMENT" });
    assert.throws(() => SpiffeId.fromSegments(td, "é"), { code: "ERR_SPIFFE_PATH_CHARACTER" });
  });

  it("builds from a path and refuses one that could change the trust domain", () => {
    assert.throws(() => SpiffeId.of(td, ".evil.test/x"), { code: "ERR_SPIFFE_PATH_START" });
    assert.throws(() => SpiffeId.of(td, `/${"a".repeat(2028)}`), { code: "ERR_SPIFFE_ID_TOO_LONG" });
  });

  it("serialises to its text", () => {
    assert.equal(JSON.stringify({ id: SpiffeId.of(td, "/a") }), '{"id":"spiffe://example.org/a"}');
  });

  it("parses what it prints", () => {
    const segment = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter((text) => text !== "." && text !== "..");
    const name = fc.stringMatching(/^[a-z0-9._-]{1,30}$/);
    fc.assert(
      fc.property(name, fc.array(segment, { maxLength: 8 }), (host, segments) => {
        const id = SpiffeId.fromSegments(TrustDomain.parse(host), ...segments);
        const again = SpiffeId.parse(id.toString());
        assert.equal(again.equals(id), true);
        assert.deepEqual(again.segments, segments);
        assert.equal(again.trustDomain.name, host);
      }),
    );
  });

  it("only ever throws SpiffeError, and accepts nothing that it would not print the same", () => {
    const nearMiss = fc.array(
      fc.constantFrom("spiffe://", "a", "/", ".", "A", "%", "?", "#", "\n", "é", "@", ":", "\ud800"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          nearMiss.map((parts) => parts.join("")),
        ),
        (text) => {
          try {
            assert.equal(SpiffeId.parse(text).toString(), text);
          } catch (error) {
            assert.ok(error instanceof SpiffeError, String(error));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

function accepts(text: string): boolean {
  try {
    SpiffeId.parse(text);
    return true;
  } catch (error) {
    assert.ok(error instanceof SpiffeError);
    return false;
  }
}
