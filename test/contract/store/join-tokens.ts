import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NewEntry, Store } from "../../../server/store/ports.ts";
import { Selector, SpiffeId } from "../../../spiffe/index.ts";
import { agentId, entryOf, exampleTrustDomain, nodeOf } from "../../fakes/server-values.ts";
import { now } from "./entries.ts";

const token = { value: "a", expiresAt: now + 60 };

function aliasOf(name: string): NewEntry {
  return entryOf(`alias-${name}`, name, {
    spiffeId: SpiffeId.of(exampleTrustDomain, "/group"),
    selectors: [Selector.of("spiffe_id", agentId(name).toString())],
  });
}

function attestWith(store: Store, name: string, value: string, nowSeconds: number) {
  return store.attestNode({ node: nodeOf(name), consume: { kind: "join-token", value }, nowSeconds });
}

export function joinTokenStoreContract(open: () => Promise<Store>): void {
  describe("join tokens", () => {
    it("is used once, by the attestation that stores its node", async () => {
      await using store = await open();
      assert.deepEqual(await store.createJoinToken(token, undefined, now), { kind: "created" });
      assert.deepEqual(await store.findJoinToken("a"), token);
      assert.deepEqual(await attestWith(store, "a", "a", now), { kind: "stored" });
      assert.equal(await store.findJoinToken("a"), undefined);
      assert.deepEqual(await attestWith(store, "b", "a", now), { kind: "not-consumable" });
      assert.equal(await store.findNode(agentId("b")), undefined);
    });

    it("is won by exactly one of 20 that race for it", async () => {
      await using store = await open();
      await store.createJoinToken(token, undefined, now);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) => attestWith(store, `racer-${index}`, "a", now)),
      );
      assert.equal(outcomes.filter(({ kind }) => kind === "stored").length, 1);
      assert.equal(outcomes.filter(({ kind }) => kind === "not-consumable").length, 19);
      const nodes = await Promise.all(outcomes.map((_, index) => store.findNode(agentId(`racer-${index}`))));
      assert.equal(nodes.filter((node) => node !== undefined).length, 1);
    });

    it("is told used up, not that the node exists, to those who come second for the same node", async () => {
      await using store = await open();
      await store.createJoinToken(token, undefined, now);
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => attestWith(store, "same", "a", now)));
      assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), [...Array(4).fill("not-consumable"), "stored"]);
    });

    it("is worth nothing at the second of its end, and unknown values never were", async () => {
      await using store = await open();
      await store.createJoinToken(token, undefined, now);
      assert.deepEqual(await attestWith(store, "a", "a", token.expiresAt), { kind: "not-consumable" });
      assert.deepEqual(await attestWith(store, "a", "A", now), { kind: "not-consumable" });
      assert.deepEqual(await attestWith(store, "a", "", now), { kind: "not-consumable" });
      assert.equal(await store.findNode(agentId("a")), undefined);
    });

    it("is not used up by an attestation that is refused", async () => {
      await using store = await open();
      await store.attestNode({ node: nodeOf("a"), consume: undefined, nowSeconds: now });
      await store.createJoinToken(token, undefined, now);
      assert.deepEqual(await attestWith(store, "a", "a", now), { kind: "exists" });
      await store.banNode(agentId("a"));
      assert.deepEqual(await attestWith(store, "a", "a", now), { kind: "banned" });
      assert.deepEqual(await store.findJoinToken("a"), token);
    });

    it("is taken while it exists and free again when it was used", async () => {
      await using store = await open();
      await store.createJoinToken(token, undefined, now);
      assert.deepEqual(await store.createJoinToken({ ...token, expiresAt: now }, undefined, now), { kind: "taken" });
      assert.deepEqual(await store.findJoinToken("a"), token);
      await attestWith(store, "a", "a", now);
      assert.deepEqual(await store.createJoinToken(token, undefined, now), { kind: "created" });
    });

    it("creates its alias with it, and not when the value is taken", async () => {
      await using store = await open();
      await store.createJoinToken(token, aliasOf("a"), now);
      assert.equal((await store.findEntry("alias-a"))?.createdAt, now);
      await store.createJoinToken(token, aliasOf("b"), now);
      assert.equal(await store.findEntry("alias-b"), undefined);
    });

    it("uses an alias that is there already", async () => {
      await using store = await open();
      await store.createJoinToken(token, aliasOf("a"), now);
      await attestWith(store, "a", "a", now);
      const again = await store.createJoinToken(token, { ...aliasOf("a"), id: "second" }, now);
      assert.deepEqual(again, { kind: "created" });
      assert.equal(await store.findEntry("second"), undefined);
    });

    it("loses its alias with the node, which keeps all other entries", async () => {
      await using store = await open();
      await store.createJoinToken(token, aliasOf("a"), now);
      await attestWith(store, "a", "a", now);
      await store.createEntries([entryOf("workload", "a"), aliasOf("b")], now);
      assert.equal(await store.deleteNode(agentId("a")), true);
      assert.equal(await store.findEntry("alias-a"), undefined);
      assert.equal((await store.findEntry("workload"))?.id, "workload");
      assert.equal((await store.findEntry("alias-b"))?.id, "alias-b");
    });

    it("is pruned when it expired unused, with its alias", async () => {
      await using store = await open();
      await store.createJoinToken(token, aliasOf("a"), now);
      await store.createJoinToken({ value: "b", expiresAt: now + 61 }, aliasOf("b"), now);
      assert.equal(await store.deleteExpiredJoinTokens(now + 60), 1);
      assert.equal(await store.findJoinToken("a"), undefined);
      assert.equal(await store.findEntry("alias-a"), undefined);
      assert.deepEqual(await store.findJoinToken("b"), { value: "b", expiresAt: now + 61 });
      assert.equal((await store.findEntry("alias-b"))?.id, "alias-b");
    });
  });
}
