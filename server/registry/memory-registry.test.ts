import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { silentLogger } from "../../runtime/core/index.ts";
import { Selector, SpiffeBundle } from "../../spiffe/index.ts";
import { FakeClock, settle } from "../../test/fakes/fake-clock.ts";
import { FakeFeed } from "../../test/fakes/fake-feed.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { agentId, entryItem, entryOf, exampleTrustDomain, nodeItem, nodeOf } from "../../test/fakes/server-values.ts";
import type { AuthorityRecord } from "../domain/authority.ts";
import type { FeedItem } from "../store/ports.ts";
import { MemoryRegistry } from "./memory-registry.ts";
import type { EntryDelta } from "./ports.ts";

const never = new AbortController().signal;

function load(feed: FakeFeed, clock = new FakeClock()): Promise<MemoryRegistry> {
  const deps = { feed, clock, random: seededRandom(1), logger: silentLogger, trustDomain: exampleTrustDomain };
  return MemoryRegistry.load(deps);
}

function idsOf(registry: MemoryRegistry): readonly string[] {
  return Array.from(registry.entries(), ({ id }) => id);
}

const deleted = (key: string): FeedItem => ({ type: "entry", key, value: undefined });

describe("MemoryRegistry", () => {
  it("loads a snapshot and what was committed while it loaded", async () => {
    const feed = new FakeFeed();
    feed.commit(entryItem(entryOf("one", "a")), entryItem(entryOf("two", "a")));
    const loading = load(feed);
    feed.commit(entryItem(entryOf("three", "a")), deleted("one"));
    const registry = await loading;
    assert.deepEqual(idsOf(registry), ["three", "two"]);
    assert.deepEqual(registry.position, { epoch: "epoch-1", n: 4 });
  });

  it("holds every kind of thing, by every key it is looked up by", async () => {
    const feed = new FakeFeed();
    const registry = await load(feed);
    const entry = entryOf("one", "a", { hint: "h", selectors: [Selector.parse("a:1"), Selector.parse("a:2")] });
    const authority: AuthorityRecord = {
      ...{ kind: "jwt", id: "k", serverId: "s", state: "active", keyId: "k", chain: [], anchors: [] },
      ...{ publicKey: new Uint8Array(), upstreamId: "", issuedAt: 1, notAfter: 2, changedAt: 1 },
    };
    const bundle = SpiffeBundle.empty(exampleTrustDomain);
    feed.commit(
      entryItem(entry),
      nodeItem(nodeOf("a")),
      { type: "bundle", key: "example.org", value: bundle },
      { type: "authority", key: "jwt/k", value: authority },
    );
    assert.equal(registry.entry("one"), entry);
    assert.deepEqual(registry.entriesBySpiffeId(entry.spiffeId), [entry]);
    assert.deepEqual(registry.entriesByParentId(entry.parentId), [entry]);
    assert.deepEqual(registry.entriesBySelectors(["a:1", "a:2", "a:3"]), [entry]);
    assert.deepEqual(registry.entriesBySelectors(["a:3"]), []);
    assert.deepEqual(registry.entriesByHint("h"), [entry]);
    assert.equal(registry.node(agentId("a"))?.serialNumber, "1");
    assert.equal(registry.bundle(exampleTrustDomain), bundle);
    assert.deepEqual([...registry.authorities()], [authority]);
    assert.deepEqual([registry.entryCount, registry.nodeCount, [...registry.nodes()].length], [1, 1, 1]);
    feed.commit(entryItem(entryOf("one", "b")), { type: "node", key: agentId("a").toString(), value: undefined });
    assert.deepEqual(registry.entriesByParentId(entry.parentId), []);
    assert.deepEqual(registry.entriesBySelectors(["a:1"]), []);
    assert.deepEqual(registry.entriesByHint("h"), []);
    assert.equal(registry.node(agentId("a")), undefined);
  });

  it("knows since when an agent's selectors are what they are, and says so when it cannot know", async () => {
    const feed = new FakeFeed();
    const selectors = [Selector.parse("a:1")];
    feed.commit(nodeItem(nodeOf("a", { selectors })));
    const registry = await load(feed);
    const changedAfter = (n: number): boolean => registry.selectorsMayHaveChangedAfter(agentId("a"), n);
    assert.deepEqual([changedAfter(0), changedAfter(1)], [true, false], "what was before the start is not known");
    feed.commit(nodeItem(nodeOf("a", { selectors: [Selector.parse("a:1")], serialNumber: "2" })));
    assert.equal(changedAfter(1), false, "a renewal changes no selectors");
    feed.commit(nodeItem(nodeOf("a", { selectors: [Selector.parse("a:2")] })), nodeItem(nodeOf("b")));
    assert.deepEqual([changedAfter(2), changedAfter(3)], [true, false]);
    feed.commit({ type: "node", key: agentId("a").toString(), value: undefined }, nodeItem(nodeOf("a", { selectors })));
    assert.deepEqual([changedAfter(5), changedAfter(6)], [true, false], "evicted, and attested again");
  });

  it("tells of each batch after it is applied, whatever one listener does", async () => {
    const feed = new FakeFeed();
    const registry = await load(feed);
    const heard: string[] = [];
    registry.onApplied(() => {
      throw new Error("broken listener");
    });
    const stop = registry.onApplied((changes) => {
      heard.push(...changes.map(({ key }) => `${key} ${registry.entry(key) === undefined ? "is gone" : "is there"}`));
    });
    feed.commit(entryItem(entryOf("one", "a")));
    feed.commit(deleted("one"));
    stop();
    feed.commit(entryItem(entryOf("two", "a")));
    assert.deepEqual(heard, ["one is there", "one is gone"]);
  });

  it("asks the feed when an announcement does not connect, and applies nothing out of order", async () => {
    const feed = new FakeFeed();
    const registry = await load(feed);
    feed.write(entryItem(entryOf("lost", "a")));
    const later = feed.write(entryItem(entryOf("later", "a")));
    feed.announce(later);
    assert.deepEqual(idsOf(registry), [], "not before the one that was lost");
    await settle();
    assert.deepEqual(idsOf(registry), ["later", "lost"]);
    feed.announce(later);
    await settle();
    assert.deepEqual(registry.position.n, 2);
    assert.deepEqual(feed.reads, ["snapshot", "changesAfter 0"], "an old announcement asks for nothing");
  });

  it("asks the feed when it is told to look, and when somebody was shown a newer position", async () => {
    const feed = new FakeFeed();
    const registry = await load(feed);
    feed.write(entryItem(entryOf("one", "a")));
    feed.announce([]);
    await settle();
    assert.deepEqual(idsOf(registry), ["one"]);
    feed.write(deleted("one"));
    await registry.catchUp();
    assert.deepEqual(idsOf(registry), []);
  });

  it("keeps what it has while the store is down, and follows again by itself", async () => {
    const feed = new FakeFeed();
    const clock = new FakeClock();
    const registry = await load(feed, clock);
    feed.commit(entryItem(entryOf("one", "a")));
    feed.failure = new Error("store is down");
    feed.write(entryItem(entryOf("two", "a")));
    feed.announce([]);
    await clock.advance(120_000);
    assert.deepEqual(idsOf(registry), ["one"]);
    await assert.rejects(registry.catchUp(), /store is down/);
    feed.failure = undefined;
    await clock.advance(60_000);
    assert.deepEqual(idsOf(registry), ["one", "two"]);
    assert.equal(clock.pendingTimers, 0);
  });

  it("does not load when the store is down, and leaves no listener behind", async () => {
    const feed = new FakeFeed();
    feed.failure = new Error("store is down");
    await assert.rejects(load(feed), /store is down/);
    feed.failure = undefined;
    feed.commit(entryItem(entryOf("one", "a")));
    assert.deepEqual(feed.reads, ["snapshot"]);
  });

  it("refuses to shrink to a source that is behind", async () => {
    const feed = new FakeFeed();
    const registry = await load(feed);
    feed.commit(entryItem(entryOf("one", "a")), entryItem(entryOf("two", "a")));
    feed.restore("epoch-1", 1);
    await registry.catchUp();
    assert.deepEqual([idsOf(registry), registry.position.n], [["one", "two"], 2]);
  });

  it("loads again when the feed was compacted past it, telling watchers of differences only", async () => {
    const feed = new FakeFeed();
    const registry = await load(feed);
    feed.commit(entryItem(entryOf("stays", "a")), entryItem(entryOf("goes", "a")), nodeItem(nodeOf("a")));
    const deltas: EntryDelta[] = [];
    registry.watch(agentId("a"), (delta) => deltas.push(delta));
    feed.write(deleted("goes"), entryItem(entryOf("comes", "a")));
    await feed.compact();
    await registry.catchUp();
    assert.deepEqual(idsOf(registry), ["comes", "stays"]);
    assert.deepEqual(registry.position.n, 5);
    assert.deepEqual(
      deltas.map(({ upserted, removed }) => [upserted.map(({ id }) => id), removed]),
      [[["comes"], ["goes"]]],
    );
  });

  it("becomes another epoch's state, even a smaller one, and releases who waits for the old one's numbers", async () => {
    const feed = new FakeFeed();
    const registry = await load(feed);
    feed.commit(entryItem(entryOf("one", "a")), entryItem(entryOf("two", "a", { hint: "old" })));
    const waiting = registry.reached(100, never);
    feed.restore("epoch-2", 0);
    feed.write(entryItem(entryOf("two", "a", { hint: "restored" })));
    await registry.catchUp();
    assert.deepEqual(registry.position, { epoch: "epoch-2", n: 1 });
    assert.deepEqual(idsOf(registry), ["two"]);
    assert.equal(registry.entry("two")?.hint, "restored");
    await waiting;
  });

  it("lets callers wait for a position, until it is reached or they give up", async () => {
    const feed = new FakeFeed();
    const registry = await load(feed);
    const order: string[] = [];
    const second = registry.reached(2, never).then(() => order.push("reached 2"));
    const first = registry.reached(1, never).then(() => order.push("reached 1"));
    const giveUp = new AbortController();
    const third = registry.reached(3, giveUp.signal);
    await registry.reached(0, never);
    feed.commit(entryItem(entryOf("one", "a")));
    await first;
    order.push("between");
    feed.commit(entryItem(entryOf("two", "a")));
    await second;
    assert.deepEqual(order, ["reached 1", "between", "reached 2"]);
    giveUp.abort(new Error("gave up"));
    await assert.rejects(third, /gave up/);
    await assert.rejects(registry.reached(9, giveUp.signal), /gave up/);
  });

  it("follows no more once it is closed", async () => {
    const feed = new FakeFeed();
    const clock = new FakeClock();
    const registry = await load(feed, clock);
    feed.commit(entryItem(entryOf("one", "a", { expiresAt: Math.floor(clock.now() / 1000) + 60 })));
    await registry[Symbol.asyncDispose]();
    feed.commit(entryItem(entryOf("two", "a")));
    assert.deepEqual([idsOf(registry), clock.pendingTimers], [["one"], 0]);
  });
});
