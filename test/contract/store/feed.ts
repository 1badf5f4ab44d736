import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Change, FeedItem, Store } from "../../../server/store/ports.ts";
import { agentId, entryOf, nodeOf } from "../../fakes/server-values.ts";
import { now, storeOwnBundle } from "./entries.ts";

/** All that a reader at `n` is told, in pages of `limit`. */
export async function readFeed(store: Store, n: number, limit: number): Promise<readonly Change[]> {
  const all: Change[] = [];
  for (let after = n; ; ) {
    const page = await store.changesAfter(after, limit);
    assert.equal(page.kind, "changes");
    all.push(...page.changes);
    const last = page.changes.at(-1);
    if (last === undefined || page.changes.length < limit) return all;
    after = last.n;
  }
}

function summary(changes: readonly Change[]): readonly string[] {
  return changes.map(({ n, type, key, value }) => `${n} ${value === undefined ? "-" : "+"}${type} ${key}`);
}

/** Type, key and content of the whole state. */
export async function stateOf(
  store: Store,
): Promise<{ readonly items: ReadonlyMap<string, string>; readonly n: number }> {
  const items = new Map<string, string>();
  const { n } = await store.snapshot((chunk) => putAll(items, chunk));
  return { items, n };
}

function putAll(items: Map<string, string>, chunk: readonly FeedItem[]): void {
  for (const { type, key, value } of chunk) {
    if (value === undefined) items.delete(`${type} ${key}`);
    else items.set(`${type} ${key}`, contentOf(value));
  }
}

function contentOf(value: object): string {
  return "x509Authorities" in value
    ? `bundle ${"sequenceNumber" in value ? value.sequenceNumber : ""}`
    : JSON.stringify(value);
}

export function feedContract(open: () => Promise<Store>): void {
  describe("feed", () => {
    it("starts empty, in an epoch of its own", async () => {
      await using store = await open();
      await using other = await open();
      const head = await store.head();
      assert.equal(head.n, 0);
      assert.notEqual(head.epoch, (await other.head()).epoch);
      assert.deepEqual(await store.changesAfter(0, 10), { kind: "changes", changes: [], head });
      assert.deepEqual(await stateOf(store), { items: new Map(), n: 0 });
    });

    it("numbers every kind of change without a gap, newest state per key, tombstones included", async () => {
      await using store = await open();
      await store.createEntries([entryOf("one", "a"), entryOf("two", "a")], now); // 1, 2
      await store.attestNode({ node: nodeOf("a"), consume: undefined, nowSeconds: now }); // 3
      await storeOwnBundle(store); // 4
      await store.updateEntries([{ id: "one", change: { hint: "x" } }]); // 5
      await store.deleteEntries(["two"]); // 6
      await store.banNode(agentId("a")); // 7
      assert.equal((await store.head()).n, 7);
      const expected = ["4 +bundle example.org", "5 +entry one", "6 -entry two", `7 +node ${agentId("a")}`];
      assert.deepEqual(summary(await readFeed(store, 0, 100)), expected);
      assert.deepEqual(summary(await readFeed(store, 0, 1)), expected);
      assert.deepEqual(summary(await readFeed(store, 5, 100)), expected.slice(2));
    });

    it("forgets the tombstone of what comes back", async () => {
      await using store = await open();
      await store.createEntries([entryOf("one", "a")], now);
      await store.attestNode({ node: nodeOf("a"), consume: undefined, nowSeconds: now });
      await store.deleteEntries(["one"]);
      await store.deleteNode(agentId("a"));
      await store.createEntries([entryOf("one", "a")], now);
      await store.attestNode({ node: nodeOf("a"), consume: undefined, nowSeconds: now });
      assert.deepEqual(summary(await readFeed(store, 0, 100)), ["5 +entry one", `6 +node ${agentId("a")}`]);
    });

    it("takes no number for what changes nothing", async () => {
      await using store = await open();
      await store.createEntries([entryOf("one", "a")], now);
      await store.createEntries([entryOf("one", "a")], now);
      await store.updateEntries([{ id: "none", change: {} }]);
      await store.deleteEntries(["none"]);
      await store.deleteExpiredEntries(now);
      await store.deleteNode(agentId("none"));
      await store.createJoinToken({ value: "t", expiresAt: now + 1 }, undefined, now);
      assert.equal((await store.head()).n, 1);
    });

    it("sends who is behind the horizon or beyond the head to the snapshot", async () => {
      await using store = await open();
      await store.createEntries([entryOf("one", "a"), entryOf("two", "a")], now);
      await store.deleteEntries(["one"]);
      await store.compact(0);
      assert.deepEqual(summary(await readFeed(store, 2, 10)), ["3 -entry one"]);
      await store.compact(Number.MAX_SAFE_INTEGER);
      const head = await store.head();
      assert.deepEqual(await store.changesAfter(2, 10), { kind: "horizon", head });
      assert.deepEqual(await store.changesAfter(3, 10), { kind: "changes", changes: [], head });
      assert.deepEqual(await store.changesAfter(4, 10), { kind: "horizon", head });
    });

    it("announces each commit in order, before the write is acknowledged, as the feed tells it", async () => {
      await using store = await open();
      const heard: Change[] = [];
      const stop = store.onChanges((changes) => heard.push(...changes));
      const writes = Array.from({ length: 30 }, async (_, index) => {
        const [outcome] = await store.createEntries([entryOf(`e${index}`, "a")], now);
        assert.equal(outcome?.kind, "created");
        assert.equal(
          heard.some(({ key }) => key === `e${index}`),
          true,
          "heard before acknowledged",
        );
      });
      await Promise.all(writes);
      assert.deepEqual(
        heard.map(({ n }) => n),
        Array.from({ length: 30 }, (_, index) => index + 1),
      );
      assert.deepEqual(JSON.stringify(heard), JSON.stringify(await readFeed(store, 0, 100)));
      stop();
      await store.deleteEntries(["e1"]);
      assert.equal(heard.length, 30);
    });

    it("acknowledges although a listener throws, and tells the others", async () => {
      await using store = await open();
      let heard = 0;
      store.onChanges(() => {
        throw new Error("broken listener");
      });
      store.onChanges((changes) => {
        heard += changes.length;
      });
      await store.createEntries([entryOf("one", "a")], now);
      assert.equal(heard, 1);
    });

    it("never lets a reader skip, whatever is written and compacted meanwhile", async () => {
      await using store = await open();
      const seen = new Map<string, string>();
      let position = 0;
      let writing = true;
      const read = async (limit: number): Promise<void> => {
        const page = await store.changesAfter(position, limit);
        if (page.kind === "horizon") {
          seen.clear();
          const { n } = await store.snapshot((chunk) => putAll(seen, chunk));
          position = n;
          return;
        }
        for (const [index, { n }] of page.changes.entries()) {
          assert.ok(n > (page.changes[index - 1]?.n ?? position), "numbers ascend");
        }
        putAll(seen, page.changes);
        position = page.changes.length < limit ? page.head.n : (page.changes.at(-1)?.n ?? position);
      };
      const writer = async (name: string): Promise<void> => {
        for (let round = 0; round < 20; round += 1) {
          await store.createEntries([entryOf(`${name}-${round % 5}`, name), entryOf(`${name}-x${round}`, name)], now);
          await store.updateEntries([{ id: `${name}-${round % 3}`, change: { hint: String(round) } }]);
          await store.deleteEntries([`${name}-${(round + 2) % 5}`]);
          if (round % 7 === 6) await store.compact(Number.MAX_SAFE_INTEGER);
        }
      };
      const reader = async (): Promise<void> => {
        while (writing) await read(3);
      };
      const reading = reader();
      await Promise.all(["a", "b", "c", "d"].map(writer));
      writing = false;
      await reading;
      const { items, n } = await stateOf(store);
      while (position < n) await read(3);
      assert.deepEqual(new Map([...seen].sort()), new Map([...items].sort()));
    });

    it("takes snapshots that are consistent with their position, while others write", async () => {
      await using store = await open();
      const keys = new Map<number, string>();
      let total = 0;
      store.onChanges((changes) => {
        for (const { n, key, value } of changes) {
          total = n;
          if (value !== undefined) keys.set(n, key);
        }
      });
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let round = 0; round < 25; round += 1) {
          await store.createEntries(
            [entryOf(`w${writer}-${round}-1`, "a"), entryOf(`w${writer}-${round}-2`, "a")],
            now,
          );
        }
      });
      const snapshots = Array.from({ length: 5 }, () => stateOf(store));
      const taken = await Promise.all(snapshots);
      await Promise.all(writers);
      assert.equal(total, 200);
      for (const { items, n } of [...taken, await stateOf(store)]) {
        const expected = [...keys].filter(([number]) => number <= n).map(([, key]) => `entry ${key}`);
        assert.deepEqual([...items.keys()].sort(), expected.sort());
      }
    });

    it("lets a snapshot's taker fail without harm", async () => {
      await using store = await open();
      await store.createEntries([entryOf("one", "a")], now);
      await assert.rejects(
        store.snapshot(() => {
          throw new RangeError("cannot take it");
        }),
      );
      assert.equal((await stateOf(store)).n, 1);
      await store.check();
    });
  });
}
