import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { Selector, SpiffeId, sortSelectors, TrustDomain } from "../../spiffe/index.ts";
import { entryOf, exampleTrustDomain, nodeOf } from "../../test/fakes/server-values.ts";
import { agentFilterKey, agentPredicate } from "./agent-filter.ts";
import { type EntryFilter, entryFilterKey, entryPredicate } from "./entry-filter.ts";
import { matchesSet, type SetMatch, setMatches } from "./set-match.ts";

const letters = fc.subarray(["a", "b", "c", "d"]);

/** Said once more, the long way. */
const definitions: Readonly<Record<SetMatch, (stored: readonly string[], given: readonly string[]) => boolean>> = {
  exact: (stored, given) => [...stored].sort().join() === [...given].sort().join(),
  subset: (stored, given) => stored.length > 0 && stored.every((value) => given.includes(value)),
  superset: (stored, given) => given.every((value) => stored.includes(value)),
  any: (stored, given) => stored.some((value) => given.includes(value)),
};

function selectorsOf(values: readonly string[]): readonly Selector[] {
  return sortSelectors(values.map((value) => Selector.of("t", value)));
}

const arbitraryEntry: fc.Arbitrary<RegistrationEntry> = fc
  .record({
    name: fc.constantFrom("x", "y"),
    parent: fc.constantFrom("p", "q"),
    selectors: fc.subarray(["a", "b", "c"], { minLength: 1 }),
    domains: fc.subarray(["a", "b", "c"]),
    hint: fc.constantFrom("", "h"),
    downstream: fc.boolean(),
  })
  .map(({ name, parent, selectors, domains, hint, downstream }) =>
    entryOf(name, parent, {
      ...{ selectors: selectorsOf(selectors), federatesWith: domains.map(TrustDomain.parse), hint, downstream },
    }),
  );

const arbitraryFilter: fc.Arbitrary<EntryFilter> = fc.record(
  {
    spiffeId: fc.constantFrom("x", "y").map((name) => SpiffeId.of(exampleTrustDomain, `/workload/${name}`)),
    parentId: fc.constantFrom("p", "q").map((name) => entryOf("x", name).parentId),
    selectors: fc.record({ match: fc.constantFrom(...setMatches), selectors: letters.map(selectorsOf) }),
    federatesWith: fc.record({
      match: fc.constantFrom(...setMatches),
      trustDomains: letters.map((names) => names.map(TrustDomain.parse)),
    }),
    hint: fc.constantFrom("", "h"),
    downstream: fc.constant<true>(true),
  },
  { requiredKeys: [] },
);

describe("matchesSet()", () => {
  it("is what the four words mean, for every pair of sets", () => {
    fc.assert(
      fc.property(letters, letters, fc.constantFrom(...setMatches), (stored, given, match) => {
        assert.equal(matchesSet(stored, new Set(given), match), definitions[match](stored, given));
      }),
    );
  });
});

describe("entryPredicate()", () => {
  it("is the conjunction of its parts", () => {
    fc.assert(
      fc.property(arbitraryEntry, arbitraryFilter, (entry, filter) => {
        const parts = Object.entries(filter).map(([key, value]) => entryPredicate({ [key]: value })(entry));
        assert.equal(entryPredicate(filter)(entry), parts.every(Boolean));
      }),
    );
  });

  it("looks at each field, and an absent one lets everything through", () => {
    const entry = entryOf("x", "p", {
      federatesWith: [TrustDomain.parse("a")],
      hint: "h",
      selectors: selectorsOf(["a"]),
    });
    const match = "any" as const;
    const cases: readonly [EntryFilter, boolean][] = [
      [{}, true],
      [{ spiffeId: entry.spiffeId }, true],
      [{ spiffeId: entry.parentId }, false],
      [{ parentId: entry.parentId }, true],
      [{ parentId: entry.spiffeId }, false],
      [{ hint: "h" }, true],
      [{ hint: "" }, false],
      [{ downstream: true }, false],
      [{ selectors: { match, selectors: selectorsOf(["a", "b"]) } }, true],
      [{ selectors: { match, selectors: selectorsOf(["b"]) } }, false],
      [{ federatesWith: { match, trustDomains: [TrustDomain.parse("a")] } }, true],
      [{ federatesWith: { match, trustDomains: [TrustDomain.parse("b")] } }, false],
    ];
    for (const [filter, expected] of cases)
      assert.equal(entryPredicate(filter)(entry), expected, entryFilterKey(filter));
    assert.equal(entryPredicate({ downstream: true })({ ...entry, downstream: true }), true);
  });

  it("has a key that differs whenever the filter does, and not with the order of a list", () => {
    const one = { match: "any", selectors: selectorsOf(["a", "b"]) } as const;
    assert.equal(
      entryFilterKey({ selectors: one }),
      entryFilterKey({ selectors: { ...one, selectors: [...one.selectors].reverse() } }),
    );
    const keys = [{}, { hint: "" }, { selectors: one }, { selectors: { ...one, match: "exact" as const } }].map(
      entryFilterKey,
    );
    assert.equal(new Set(keys).size, keys.length);
  });
});

describe("agentPredicate()", () => {
  it("looks at each field", () => {
    const node = nodeOf("a", { selectors: selectorsOf(["a"]), expiresAt: 100, canReattest: true });
    const selectors = { match: "superset", selectors: selectorsOf(["a"]) } as const;
    assert.equal(agentPredicate({})(node), true);
    assert.equal(
      agentPredicate({
        attestationType: "join_token",
        banned: false,
        canReattest: true,
        expiresBefore: 101,
        selectors,
      })(node),
      true,
    );
    const refusing = [
      { attestationType: "x509pop" },
      { banned: true },
      { canReattest: false },
      { expiresBefore: 100 },
      { selectors: { match: "exact" as const, selectors: selectorsOf(["a", "b"]) } },
    ];
    for (const filter of refusing) assert.equal(agentPredicate(filter)(node), false, agentFilterKey(filter));
    assert.equal(new Set(refusing.map(agentFilterKey)).size, refusing.length);
  });
});
