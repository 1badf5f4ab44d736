import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { domainToASCII } from "node:url";
import fc from "fast-check";
import { dnsNameProblem } from "./dns-name.ts";

describe("dnsNameProblem()", () => {
  const good = [
    "a",
    "a.example",
    "A.Example",
    "1.a1",
    "*.example",
    "*.a.example",
    "a-b.example",
    "my_service.example",
    "_service.example",
    "xn--bcher-kva.example",
  ];
  good.push(`${"a".repeat(63)}.example`, `${`${"a".repeat(61)}.`.repeat(4)}abcde`);
  for (const name of good) it(`accepts ${name.slice(0, 40)}`, () => assert.equal(dnsNameProblem(name), undefined));

  it("accepts the A-labels that the platform's IDNA makes of names in many scripts", () => {
    for (const label of [
      "bücher",
      "日本語",
      "правда",
      "ελλάδα",
      "ไทย",
      "हिन्दी",
      "العربية",
      "한국",
      "straße",
      "ñandú9",
    ]) {
      const name = `${domainToASCII(label)}.example`;
      assert.match(name, /^xn--/);
      assert.equal(dnsNameProblem(name), undefined, `${label} = ${name}`);
    }
  });

  it("never throws, whatever follows xn--", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9-]{0,59}$/), (tail) => {
        const problem = dnsNameProblem(`xn--${tail}.example`);
        assert.ok(problem === undefined || problem.length > 0);
      }),
    );
  });

  const bad: readonly [string, RegExp][] = [
    ["", /empty/],
    ["bücher.example", /ASCII/],
    ["a.example.", /trailing dot/],
    [".", /trailing dot/],
    [".a", /empty label/],
    ["a..b", /empty label/],
    [`${"a".repeat(64)}.example`, /label that is too long/],
    [`${`${"a".repeat(61)}.`.repeat(4)}abcdef`, /too long/],
    ["*", /nothing below/],
    ["*.", /trailing dot/],
    ["*.*.example", /wildcard/],
    ["a.*.example", /wildcard/],
    ["a*.example", /wildcard/],
    ["*a.example", /wildcard/],
    ["**.example", /wildcard/],
    ["a b.example", /letter, digit, hyphen or underscore/],
    ["a/b", /letter, digit, hyphen or underscore/],
    ["a\0.example", /letter, digit, hyphen or underscore/],
    ["a@b.example", /letter, digit, hyphen or underscore/],
    ["-a.example", /hyphen/],
    ["a-.example", /hyphen/],
    ["ab--c.example", /third place/],
    ["xn--.example", /A-label|hyphen/],
    ["xn--a.example", /A-label/],
    ["xn--abc-.example", /A-label|hyphen/],
    ["xn--zzzzzzzzzzzzzz99999999.example", /A-label/],
    ["192.0.2.1", /digits/],
    ["example.1", /digits/],
  ];
  for (const [name, problem] of bad) {
    it(`refuses ${JSON.stringify(name.slice(0, 40))}`, () => assert.match(dnsNameProblem(name) ?? "accepted", problem));
  }
});
