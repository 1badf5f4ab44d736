import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { SortedList } from "./sorted-list.ts";

const compare = (left: { readonly key: number }, right: { readonly key: number }): number => left.key - right.key;

function check(operations: readonly { readonly put: boolean; readonly key: number }[]): void {
  const list = new SortedList<{ readonly key: number }, { readonly key: number; readonly at: number }>(compare);
  const model = new Map<number, number>();
  for (const [at, { put, key }] of operations.entries()) {
    if (put) list.put({ key, at });
    else assert.equal(list.delete({ key }), model.has(key));
    if (put) model.set(key, at);
    else model.delete(key);
  }
  const expected = [...model].sort(([left], [right]) => left - right);
  assert.deepEqual(
    Array.from(list, ({ key, at }) => [key, at]),
    expected,
  );
  assert.equal(list.size, model.size);
  for (const { key } of operations.slice(0, 20)) {
    assert.deepEqual(
      Array.from(list.after({ key }), (value) => value.key),
      expected.map(([other]) => other).filter((other) => other > key),
    );
  }
}

describe("SortedList", () => {
  it("is a sorted map, whatever is put and deleted", () => {
    const operations = fc.array(fc.record({ put: fc.boolean(), key: fc.integer({ min: 0, max: 30 }) }));
    fc.assert(fc.property(operations, check));
  });

  it("is so over many chunks, in any order of insertion", () => {
    const random = seededRandom(3);
    const drawn = (count: number) => Array.from({ length: count }, () => Math.floor(random.float() * 10_000));
    const ascending = Array.from({ length: 5_000 }, (_, key) => ({ put: true, key }));
    check(ascending);
    check([...ascending].reverse());
    check(drawn(20_000).map((key) => ({ put: random.float() < 0.7, key })));
    check([...ascending, ...ascending.map(({ key }) => ({ put: false, key }))]);
  });
});
