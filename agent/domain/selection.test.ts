import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Selector } from "../../spiffe/index.ts";
import { SelectorIndex } from "../identities/selector-index.ts";
import { isMatch, selectorSet, withUniqueHints } from "./selection.ts";

const selector = fc
  .record({ type: fc.constantFrom("unix", "k8s"), value: fc.constantFrom("a", "b", "c", "d:e", "f") })
  .map(({ type, value }) => Selector.of(type, value));
const some = fc.uniqueArray(selector, { selector: (one) => one.toString(), maxLength: 6 });

describe("isMatch()", () => {
  it("holds exactly when every selector of the entry is the workload's", () => {
    fc.assert(
      fc.property(some, some, (entry, workload) => {
        const set = new Set(workload.map(String));
        const expected = entry.length > 0 && entry.every((one) => set.has(one.toString()));
        assert.equal(isMatch({ selectors: entry }, selectorSet(workload)), expected);
      }),
    );
  });

  it("never gives an entry without selectors to anybody", () => {
    assert.equal(isMatch({ selectors: [] }, selectorSet([Selector.parse("unix:uid:0")])), false);
  });

  it("does not confuse the parts of selectors", () => {
    const workload = selectorSet([Selector.of("unix", "uid:1"), Selector.of("unix", "gid:2")]);
    assert.equal(isMatch({ selectors: [Selector.of("unix", "uid:12")] }, workload), false);
    assert.notEqual(
      selectorSet([Selector.of("a", "b:c")]).key,
      selectorSet([Selector.of("a", "b"), Selector.of("c", "c")]).key,
    );
  });
});

describe("SelectorIndex", () => {
  it("finds every match, whatever was added and removed before", () => {
    const steps = fc.array(fc.record({ selectors: some, keep: fc.boolean() }), { maxLength: 20 });
    fc.assert(
      fc.property(steps, some, (items, workload) => {
        const index = new SelectorIndex<{ readonly selectors: readonly Selector[]; readonly keep: boolean }>();
        for (const item of items) index.add(item);
        for (const item of items) if (!item.keep) index.remove(item);
        const kept = items.filter(({ keep }) => keep);
        const set = selectorSet(workload);
        const candidates = new Set(index.candidates(set));
        for (const item of kept) if (isMatch(item, set)) assert.ok(candidates.has(item));
        for (const candidate of candidates) assert.ok(candidate.keep);
        const wanted = kept.some(({ selectors }) =>
          selectors.some(({ type, value }) => type === "k8s" && value.startsWith("d")),
        );
        assert.equal(index.hasSelector("k8s", "d"), wanted);
      }),
    );
  });
});

describe("withUniqueHints()", () => {
  it("keeps the first of each hint and everything without one, in order", () => {
    const hinted = fc.array(fc.record({ hint: fc.constantFrom("", "a", "b"), n: fc.nat() }));
    fc.assert(
      fc.property(hinted, (ordered) => {
        const kept = withUniqueHints(ordered);
        const hints = kept.map(({ hint }) => hint).filter((hint) => hint !== "");
        assert.equal(new Set(hints).size, hints.length);
        assert.deepEqual(
          kept,
          ordered.filter((one, at) => one.hint === "" || ordered.findIndex(({ hint }) => hint === one.hint) === at),
        );
      }),
    );
  });
});
