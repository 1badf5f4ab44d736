import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compareEntries, type RegistrationEntry } from "../../proto/domain/entry.ts";
import { silentLogger } from "../../runtime/core/index.ts";
import { Selector, SpiffeId } from "../../spiffe/index.ts";
import { FakeClock, settle } from "../../test/fakes/fake-clock.ts";
import { FakeFeed } from "../../test/fakes/fake-feed.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { agentId, entryItem, entryOf, exampleTrustDomain, nodeItem, nodeOf } from "../../test/fakes/server-values.ts";
import { type EntryFilter, entryPredicate } from "../domain/entry-filter.ts";
import { setMatches } from "../domain/set-match.ts";
import { RegistryListings } from "./listing.ts";
import { MemoryRegistry } from "./memory-registry.ts";

interface World {
  readonly feed: FakeFeed;
  readonly listings: RegistryListings;
}

async function makeWorld(): Promise<World> {
  const feed = new FakeFeed();
  const deps = { feed, clock: new FakeClock(), random: seededRandom(1), logger: silentLogger };
  const registry = await MemoryRegistry.load({ ...deps, trustDomain: exampleTrustDomain });
  return { feed, listings: new RegistryListings(registry) };
}

function idsOf(items: readonly { readonly id: { toString(): string } }[]): readonly string[] {
  return items.map(({ id }) => id.toString());
}

/** All pages; `between` runs after each. */
function allPages(
  listings: RegistryListings,
  filter: EntryFilter,
  pageSize: number,
  between = (): void => {},
): readonly string[] {
  const found: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = listings.listEntries(filter, { pageSize, pageToken });
    found.push(...idsOf(page.items));
    if (page.nextPageToken === "") return found;
    assert.equal(page.items.length, pageSize, "only the last page may be short");
    pageToken = page.nextPageToken;
    between();
  }
}

const selectorSets = fc
  .subarray(["a", "b", "c"], { minLength: 1 })
  .map((names) => names.map((name) => Selector.of("t", name)));

const arbitraryEntries = fc
  .array(
    fc.record({
      agent: fc.constantFrom("a", "b"),
      name: fc.constantFrom("x", "y"),
      selectors: selectorSets,
      hint: fc.constantFrom("", "h"),
      createdAt: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 25 },
  )
  .map((drafts) =>
    drafts.map(({ agent, name, ...parts }, index) =>
      entryOf(`id-${index}`, agent, { ...parts, spiffeId: SpiffeId.of(exampleTrustDomain, `/${name}`) }),
    ),
  );

const arbitraryFilter: fc.Arbitrary<EntryFilter> = fc.record(
  {
    spiffeId: fc.constantFrom("x", "y", "z").map((name) => SpiffeId.of(exampleTrustDomain, `/${name}`)),
    parentId: fc.constantFrom("a", "b", "c").map(agentId),
    selectors: fc.record({ match: fc.constantFrom(...setMatches), selectors: selectorSets }),
    hint: fc.constantFrom("", "h", "i"),
  },
  { requiredKeys: [] },
);

describe("RegistryListings", () => {
  it("finds through its indexes what looking at every entry finds, in order, in pages of any size", async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryEntries,
        arbitraryFilter,
        fc.integer({ min: 0, max: 9 }),
        async (entries, filter, pageSize) => {
          const { feed, listings } = await makeWorld();
          feed.commit(...entries.map(entryItem));
          const expected = idsOf(entries.filter(entryPredicate(filter)).sort(compareEntries));
          assert.deepEqual(allPages(listings, filter, pageSize), expected);
          assert.equal(listings.countEntries(filter), expected.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("gives everything for page size 0", async () => {
    const { feed, listings } = await makeWorld();
    feed.commit(...Array.from({ length: 1_500 }, (_, index) => entryItem(entryOf(`e${index}`, "a"))));
    const page = listings.listEntries({}, { pageSize: 0, pageToken: "" });
    assert.deepEqual([page.items.length, page.nextPageToken], [1_500, ""]);
  });

  it("neither repeats nor skips an entry that stays, whatever comes and goes between two pages", async () => {
    const { feed, listings } = await makeWorld();
    const entry = (index: number): RegistrationEntry => entryOf(`e${String(index).padStart(3, "0")}`, "a");
    feed.commit(...Array.from({ length: 100 }, (_, index) => entryItem(entry(index * 2))));
    const gone = new Set<string>();
    let round = 0;
    const found = allPages(listings, {}, 7, () => {
      round += 1;
      // One goes just about where the reading is, and new ones come on both sides of it.
      const { id } = entry((round * 7 - 1) * 2);
      gone.add(id);
      feed.commit({ type: "entry", key: id, value: undefined });
      feed.commit(entryItem(entry(round)), entryItem(entry(199 - 2 * round)));
    });
    assert.ok(gone.size > 10);
    assert.deepEqual(found, [...new Set(found)].sort());
    const stayed = Array.from({ length: 100 }, (_, index) => entry(index * 2).id).filter((id) => !gone.has(id));
    assert.deepEqual(
      stayed.filter((id) => !found.includes(id)),
      [],
    );
  });

  it("refuses tokens of another filter, list or store, and any that were changed", async () => {
    const { feed, listings } = await makeWorld();
    const nodes = ["a", "b"].map((name) => nodeItem(nodeOf(name)));
    feed.commit(...["1", "2", "3"].map((id) => entryItem(entryOf(id, "a"))), ...nodes);
    const list = (pageToken: string, filter: EntryFilter = {}) =>
      listings.listEntries(filter, { pageSize: 1, pageToken });
    const token = list("").nextPageToken;
    assert.deepEqual(idsOf(list(token).items), ["2"]);
    const refused = { code: "ERR_PAGE_TOKEN", status: "invalidArgument" };
    assert.throws(() => list(token, { hint: "" }), refused);
    assert.throws(() => listings.listAgents({}, { pageSize: 1, pageToken: token }), refused);
    const agentToken = listings.listAgents({}, { pageSize: 1, pageToken: "" }).nextPageToken;
    assert.throws(() => list(agentToken), refused);
    for (let at = 0; at < token.length; at += 1) {
      const changed = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
      assert.throws(() => list(changed), refused, `character ${at}`);
    }
    for (const other of [
      "1",
      "garbage",
      `${token}=`,
      `${token}A`,
      `${token} `,
      token.slice(0, -1),
      "A".repeat(100_000),
      "\0",
    ]) {
      assert.throws(() => list(other), refused, other.slice(0, 50));
    }
    const restored = await makeWorld();
    restored.feed.restore("epoch-2", 0);
    restored.feed.write(...["1", "2"].map((id) => entryItem(entryOf(id, "a"))));
    restored.feed.announce([]);
    await settle();
    assert.throws(() => restored.listings.listEntries({}, { pageSize: 1, pageToken: token }), refused);
  });

  it("accepts a token at another server of the same store", async () => {
    const [one, two] = [await makeWorld(), await makeWorld()];
    for (const { feed } of [one, two]) feed.commit(...["1", "2"].map((id) => entryItem(entryOf(id, "a"))));
    const { nextPageToken } = one.listings.listEntries({}, { pageSize: 1, pageToken: "" });
    assert.deepEqual(idsOf(two.listings.listEntries({}, { pageSize: 1, pageToken: nextPageToken }).items), ["2"]);
  });

  it("lists and counts agents by id", async () => {
    const { feed, listings } = await makeWorld();
    feed.commit(...["c", "a", "b"].map((name) => nodeItem(nodeOf(name, { banned: name === "b" }))));
    const first = listings.listAgents({}, { pageSize: 2, pageToken: "" });
    assert.deepEqual(idsOf(first.items), [agentId("a"), agentId("b")].map(String));
    const second = listings.listAgents({}, { pageSize: 2, pageToken: first.nextPageToken });
    assert.deepEqual([idsOf(second.items), second.nextPageToken], [[agentId("c").toString()], ""]);
    assert.deepEqual(idsOf(listings.listAgents({ banned: true }, { pageSize: 0, pageToken: "" }).items), [
      agentId("b").toString(),
    ]);
    assert.deepEqual([listings.countAgents({}), listings.countAgents({ banned: false })], [3, 2]);
  });
});
