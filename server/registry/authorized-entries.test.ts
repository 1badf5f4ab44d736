import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compareEntries, type RegistrationEntry } from "../../proto/domain/entry.ts";
import { type Random, silentLogger } from "../../runtime/core/index.ts";
import { Selector, SpiffeId } from "../../spiffe/index.ts";
import { GraphChanges, naiveAuthorizedSet, serverId } from "../../test/fakes/entry-graphs.ts";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { FakeFeed } from "../../test/fakes/fake-feed.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { agentId, entryItem, entryOf, exampleTrustDomain, nodeItem, nodeOf } from "../../test/fakes/server-values.ts";
import { MemoryRegistry } from "./memory-registry.ts";
import type { EntryDelta } from "./ports.ts";

const hub = (name: string): SpiffeId => SpiffeId.of(exampleTrustDomain, `/hub/${name}`);
const linux = Selector.parse("os:linux");
const west = Selector.parse("region:west");

interface World {
  readonly clock: FakeClock;
  readonly feed: FakeFeed;
  readonly registry: MemoryRegistry;
  readonly nowSeconds: number;
}

async function makeWorld(): Promise<World> {
  const clock = new FakeClock();
  const feed = new FakeFeed();
  const deps = { feed, clock, random: seededRandom(1), logger: silentLogger, trustDomain: exampleTrustDomain };
  return { clock, feed, registry: await MemoryRegistry.load(deps), nowSeconds: Math.floor(clock.now() / 1000) };
}

/** A watcher's own copy of the set, which fails on a delta that does not fit. */
class Copy {
  readonly entries = new Map<string, RegistrationEntry>();
  readonly deltas: EntryDelta[] = [];

  constructor(registry: MemoryRegistry, agent: SpiffeId) {
    for (const entry of registry.authorizedEntries(agent)) this.entries.set(entry.id, entry);
    registry.watch(agent, (delta) => this.#apply(delta));
  }

  #apply(delta: EntryDelta): void {
    this.deltas.push(delta);
    for (const entry of delta.upserted) {
      assert.notEqual(this.entries.get(entry.id), entry, "told twice of the same entry");
      this.entries.set(entry.id, entry);
    }
    for (const id of delta.removed) assert.ok(this.entries.delete(id), "told to remove what was never told of");
    assert.equal(
      new Set([...delta.removed, ...delta.upserted.map(({ id }) => id)]).size,
      delta.removed.length + delta.upserted.length,
    );
  }

  ids(): readonly string[] {
    return [...this.entries.keys()].sort();
  }
}

function ids(entries: readonly RegistrationEntry[]): readonly string[] {
  return entries.map(({ id }) => id);
}

function compareAgent(
  registry: MemoryRegistry,
  agent: SpiffeId,
  copy: Copy | undefined,
  clock: FakeClock,
  random: Random,
): void {
  const entries = [...registry.entries()];
  const expected = naiveAuthorizedSet(entries, agent, registry.node(agent), Math.floor(clock.now() / 1000));
  const sorted = ids([...expected.values()].sort(compareEntries));
  assert.deepEqual(ids(registry.authorizedEntries(agent)), sorted, "asked for all");
  if (copy !== undefined) assert.deepEqual(copy.ids(), sorted.toSorted(), "told");
  for (const [id, entry] of copy?.entries ?? []) assert.equal(entry, expected.get(id));
  const sample = entries[Math.floor(random.float() * entries.length)];
  if (sample !== undefined) {
    assert.equal(registry.authorizedEntry(agent, sample.id), expected.get(sample.id), "asked for one");
  }
}

describe("authorised entries", () => {
  it("are what hangs on the agent, directly or through other entries, in the order of (created_at, id)", async () => {
    const { feed, registry } = await makeWorld();
    feed.commit(
      entryItem(entryOf("late", "a", { createdAt: 3, spiffeId: hub("h") })),
      entryItem(entryOf("below", "x", { createdAt: 2, parentId: hub("h"), spiffeId: hub("i") })),
      entryItem(entryOf("deep", "x", { createdAt: 1, parentId: hub("i") })),
      entryItem(entryOf("other", "b")),
      entryItem(entryOf("loose", "x", { parentId: hub("nobody") })),
    );
    assert.deepEqual(ids(registry.authorizedEntries(agentId("a"))), ["deep", "below", "late"]);
    assert.equal(registry.authorizedEntry(agentId("a"), "deep")?.id, "deep");
    for (const id of ["other", "loose", "none"]) assert.equal(registry.authorizedEntry(agentId("a"), id), undefined);
  });

  it("come through node aliases that the node has all selectors of; the alias itself is not among them", async () => {
    const { feed, registry } = await makeWorld();
    feed.commit(
      entryItem(entryOf("alias", "x", { parentId: serverId, spiffeId: hub("linux"), selectors: [linux] })),
      entryItem(entryOf("both", "x", { parentId: serverId, spiffeId: hub("west"), selectors: [linux, west] })),
      entryItem(entryOf("on-linux", "x", { parentId: hub("linux") })),
      entryItem(entryOf("on-west", "x", { parentId: hub("west") })),
      nodeItem(nodeOf("a", { selectors: [linux] })),
      nodeItem(nodeOf("b", { selectors: [linux, west] })),
      nodeItem(nodeOf("c")),
    );
    const sets = ["a", "b", "c", "d"].map((name) => ids(registry.authorizedEntries(agentId(name))));
    assert.deepEqual(sets, [["on-linux"], ["on-linux", "on-west"], [], []]);
    assert.equal(registry.authorizedEntry(agentId("b"), "on-west")?.id, "on-west");
    assert.equal(registry.authorizedEntry(agentId("a"), "on-west"), undefined);
    assert.equal(registry.authorizedEntry(agentId("a"), "alias"), undefined);
  });

  it("end at cycles", async () => {
    const { feed, registry } = await makeWorld();
    feed.commit(
      entryItem(entryOf("in", "a", { spiffeId: hub("1") })),
      entryItem(entryOf("there", "x", { parentId: hub("1"), spiffeId: hub("2") })),
      entryItem(entryOf("back", "x", { parentId: hub("2"), spiffeId: hub("1") })),
      entryItem(entryOf("self", "x", { parentId: hub("2"), spiffeId: hub("2") })),
    );
    const copy = new Copy(registry, agentId("a"));
    assert.deepEqual(copy.ids(), ["back", "in", "self", "there"]);
    feed.commit({ type: "entry", key: "in", value: undefined });
    assert.deepEqual(copy.ids(), [], "a cycle does not hold itself up");
    assert.equal(registry.authorizedEntry(agentId("a"), "self"), undefined);
  });

  it("do not come through an id that the agent lost while nothing hung on it", async () => {
    const { feed, registry } = await makeWorld();
    const link = entryOf("link", "a", { spiffeId: hub("h") });
    const below = entryOf("below", "x", { parentId: hub("h") });
    feed.commit(entryItem(link), entryItem(below));
    const copy = new Copy(registry, agentId("a"));
    feed.commit({ type: "entry", key: "below", value: undefined });
    feed.commit({ type: "entry", key: "link", value: undefined });
    feed.commit(entryItem(below));
    assert.deepEqual(copy.ids(), []);
    feed.commit(entryItem(link));
    assert.deepEqual(copy.ids(), ["below", "link"]);
  });

  it("tell watchers of a change once, and only those it concerns", async () => {
    const { feed, registry } = await makeWorld();
    const [a, b] = [new Copy(registry, agentId("a")), new Copy(registry, agentId("b"))];
    feed.commit(entryItem(entryOf("one", "a")));
    feed.commit(entryItem(entryOf("one", "a", { revisionNumber: 1 })), nodeItem(nodeOf("a")));
    feed.commit(entryItem(entryOf("unrelated", "c")));
    feed.commit(entryItem(entryOf("one", "b", { revisionNumber: 2 })));
    assert.deepEqual(
      a.deltas.map(({ position, upserted, removed }) => [position.n, ids(upserted), removed]),
      [
        [1, ["one"], []],
        [3, ["one"], []],
        [5, [], ["one"]],
      ],
    );
    assert.deepEqual(
      b.deltas.map(({ position, upserted, removed }) => [position.n, ids(upserted), removed]),
      [[5, ["one"], []]],
    );
  });

  it("tell watchers at the second of an expiry, of the entry and of all that hung on it", async () => {
    const { clock, feed, registry, nowSeconds } = await makeWorld();
    const copy = new Copy(registry, agentId("a"));
    feed.commit(
      entryItem(entryOf("link", "a", { spiffeId: hub("h"), expiresAt: nowSeconds + 10 })),
      entryItem(entryOf("below", "x", { parentId: hub("h") })),
      entryItem(entryOf("past", "a", { expiresAt: nowSeconds })),
    );
    assert.deepEqual(copy.ids(), ["below", "link"]);
    await clock.advance(9_999);
    assert.deepEqual(copy.ids(), ["below", "link"]);
    await clock.advance(1);
    assert.deepEqual(copy.ids(), []);
    assert.deepEqual([...(copy.deltas.at(-1)?.removed ?? [])].sort(), ["below", "link"]);
    assert.deepEqual(registry.authorizedEntries(agentId("a")), []);
    feed.commit(entryItem(entryOf("link", "a", { spiffeId: hub("h"), expiresAt: 0 })));
    assert.deepEqual(copy.ids(), ["below", "link"], "a prolonged entry is back with all below it");
    assert.equal(clock.pendingTimers, 0);
  });

  it("stop telling who no longer watches, each watcher by itself, also from within a call", async () => {
    const { feed, registry } = await makeWorld();
    const heard: string[] = [];
    const stopFirst = registry.watch(agentId("a"), () => {
      heard.push("first");
      stopFirst();
    });
    registry.watch(agentId("a"), () => heard.push("second"));
    registry.watch(agentId("a"), () => {
      throw new Error("broken watcher");
    });
    feed.commit(entryItem(entryOf("one", "a")));
    feed.commit(entryItem(entryOf("two", "a")));
    stopFirst();
    assert.deepEqual(heard, ["first", "second", "second"]);
  });

  /** Applies drawn changes in batches, moves time, and compares everything with the naive set each time. */
  async function compareWithNaive(
    seed: number,
    size: { readonly agents: number; readonly hubs: number; readonly batches: number; readonly perBatch: number },
  ): Promise<number> {
    const { clock, feed, registry, nowSeconds } = await makeWorld();
    const random = seededRandom(seed);
    const changes = new GraphChanges({ random, agents: size.agents, hubs: size.hubs, nowSeconds });
    const agents = Array.from({ length: size.agents }, (_, index) => changes.agent(index));
    const copies = new Map<SpiffeId, Copy>();
    for (let batch = 0; batch < size.batches; batch += 1) {
      const now = Math.floor(clock.now() / 1000);
      const count = Math.ceil(random.float() * size.perBatch);
      feed.commit(...Array.from({ length: count }, () => changes.draw(now)));
      if (random.float() < 0.3) await clock.advance(1_000 * Math.ceil(random.float() * 5));
      // Half of the agents are watched from some time on; the others are asked only.
      const watcher = agents[Math.floor((random.float() * agents.length) / 2)];
      if (watcher !== undefined && !copies.has(watcher)) copies.set(watcher, new Copy(registry, watcher));
      for (const agent of agents) compareAgent(registry, agent, copies.get(agent), clock, random);
    }
    return registry.entryCount;
  }

  it("kept up change by change are the ones computed from scratch", async () => {
    const size = { agents: 4, hubs: 5, batches: 25, perBatch: 6 };
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => void (await compareWithNaive(seed, size))),
      { numRuns: 60 },
    );
  });

  it("are so in a large world too", async () => {
    const count = await compareWithNaive(42, { agents: 4, hubs: 2_000, batches: 4, perBatch: 16_000 });
    assert.ok(count > 10_000, String(count));
  });
});
