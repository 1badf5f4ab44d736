import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AttestedNode } from "../../../proto/domain/agent.ts";
import type { AttestOutcome, Store } from "../../../server/store/ports.ts";
import { Selector } from "../../../spiffe/index.ts";
import { agentId, nodeOf } from "../../fakes/server-values.ts";
import { now } from "./entries.ts";

function attest(store: Store, node: AttestedNode): Promise<AttestOutcome> {
  return store.attestNode({ node, consume: undefined, nowSeconds: now });
}

const used = { authorityId: "ab".repeat(20), seenAt: now + 30 };

function serials(node: AttestedNode | undefined): readonly unknown[] {
  if (node === undefined) return [];
  return [node.serialNumber, node.expiresAt, node.pendingSerialNumber, node.pendingExpiresAt];
}

export function nodeStoreContract(open: () => Promise<Store>): void {
  describe("nodes", () => {
    it("reads back every field", async () => {
      await using store = await open();
      const selectors = [Selector.parse("k8s:node:a"), Selector.parse("x:y:z")];
      const node = nodeOf("a", {
        ...{ selectors, serialNumber: "340282366920938463463374607431768211456", expiresAt: now + 60 },
        ...{ pendingSerialNumber: "7", pendingExpiresAt: now + 90, canReattest: true, agentVersion: "1.2.3" },
        ...{ authorityId: "0f".repeat(20), seenAt: now, syncs: true },
      });
      assert.deepEqual(await attest(store, node), { kind: "stored" });
      assert.deepEqual(JSON.stringify(await store.findNode(node.id)), JSON.stringify(node));
      assert.equal(await store.findNode(agentId("b")), undefined);
    });

    it("lets only a node that may attest again attest again", async () => {
      await using store = await open();
      await attest(store, nodeOf("once"));
      assert.deepEqual(await attest(store, nodeOf("once", { serialNumber: "2" })), { kind: "exists" });
      assert.equal((await store.findNode(agentId("once")))?.serialNumber, "1");
      await attest(store, nodeOf("often", { canReattest: true }));
      assert.deepEqual(await attest(store, nodeOf("often", { serialNumber: "2" })), { kind: "stored" });
      assert.equal((await store.findNode(agentId("often")))?.serialNumber, "2");
    });

    it("keeps the version of an agent that attests again, until it is evicted", async () => {
      await using store = await open();
      const version = async () => (await store.findNode(agentId("a")))?.agentVersion;
      await attest(store, nodeOf("a", { canReattest: true, agentVersion: "" }));
      await store.setAgentVersion(agentId("a"), "1.15.3", false);
      await attest(store, nodeOf("a", { canReattest: true, agentVersion: "", serialNumber: "2" }));
      assert.equal(await version(), "1.15.3");
      await store.deleteNode(agentId("a"));
      await attest(store, nodeOf("a", { canReattest: true, agentVersion: "" }));
      assert.equal(await version(), "");
    });

    it("lets a node that was evicted attest again, and a banned one not", async () => {
      await using store = await open();
      await attest(store, nodeOf("a", { canReattest: true }));
      assert.equal(await store.banNode(agentId("a")), true);
      assert.deepEqual(await attest(store, nodeOf("a", { canReattest: true })), { kind: "banned" });
      const banned = await store.findNode(agentId("a"));
      assert.deepEqual([banned?.banned, ...serials(banned)], [true, "", 4_000_000_000, "", 0]);
      assert.equal(await store.deleteNode(agentId("a")), true);
      assert.equal(await store.deleteNode(agentId("a")), false);
      assert.deepEqual(await attest(store, nodeOf("a")), { kind: "stored" });
    });

    it("renews in two steps: pending until it is used, then current", async () => {
      await using store = await open();
      await attest(store, nodeOf("a", { expiresAt: now + 60 }));
      assert.equal(await store.setPendingSerial(agentId("a"), "1", "2", now + 120, used), true);
      assert.deepEqual(serials(await store.findNode(agentId("a"))), ["1", now + 60, "2", now + 120]);
      assert.equal(await store.promoteSerial(agentId("a"), "1", used), true, "the current one is not news");
      assert.deepEqual(serials(await store.findNode(agentId("a"))), ["1", now + 60, "2", now + 120]);
      assert.equal(await store.promoteSerial(agentId("a"), "2", used), true);
      assert.deepEqual(serials(await store.findNode(agentId("a"))), ["2", now + 120, "", 0]);
      assert.equal(await store.promoteSerial(agentId("a"), "1", used), false, "what was replaced does not come back");
    });

    it("takes a renewal with the pending SVID for its first use", async () => {
      await using store = await open();
      await attest(store, nodeOf("a"));
      await store.setPendingSerial(agentId("a"), "1", "2", now + 120, used);
      assert.equal(await store.setPendingSerial(agentId("a"), "2", "3", now + 180, used), true);
      assert.deepEqual(serials(await store.findNode(agentId("a"))), ["2", now + 120, "3", now + 180]);
      assert.equal(await store.setPendingSerial(agentId("a"), "1", "4", now + 240, used), false);
    });

    it("replaces a pending SVID that was never used", async () => {
      await using store = await open();
      await attest(store, nodeOf("a", { expiresAt: now }));
      await store.setPendingSerial(agentId("a"), "1", "2", now + 120, used);
      assert.equal(await store.setPendingSerial(agentId("a"), "1", "3", now + 180, used), true);
      assert.deepEqual(serials(await store.findNode(agentId("a"))), ["1", now, "3", now + 180]);
      assert.equal(await store.promoteSerial(agentId("a"), "2", used), false);
    });

    it("renews and promotes nothing for unknown, banned or foreign serials, nor for an empty one", async () => {
      await using store = await open();
      await attest(store, nodeOf("a"));
      await attest(store, nodeOf("banned"));
      await store.banNode(agentId("banned"));
      assert.equal(await store.setPendingSerial(agentId("none"), "1", "2", now, used), false);
      assert.equal(await store.setPendingSerial(agentId("a"), "9", "2", now, used), false);
      assert.equal(await store.setPendingSerial(agentId("a"), "", "2", now, used), false);
      assert.equal(await store.setPendingSerial(agentId("banned"), "1", "2", now, used), false);
      assert.equal(await store.setPendingSerial(agentId("banned"), "", "2", now, used), false);
      assert.equal(await store.promoteSerial(agentId("none"), "1", used), false);
      assert.equal(await store.promoteSerial(agentId("a"), "", used), false);
      assert.equal(await store.promoteSerial(agentId("banned"), "", used), false);
      assert.equal(await store.banNode(agentId("none")), false);
    });

    it("keeps under which authority an SVID was first used, and when", async () => {
      await using store = await open();
      const use = async () => {
        const node = await store.findNode(agentId("a"));
        return [node?.authorityId, node?.seenAt];
      };
      await attest(store, nodeOf("a", { authorityId: "old", seenAt: now }));
      await store.setPendingSerial(agentId("a"), "1", "2", now + 120, used);
      await store.promoteSerial(agentId("a"), "1", used);
      assert.deepEqual(await use(), ["old", now], "the pending one was not used yet");
      await store.promoteSerial(agentId("a"), "2", used);
      assert.deepEqual(await use(), [used.authorityId, used.seenAt]);
      await store.setPendingSerial(agentId("a"), "2", "3", now + 180, used);
      await store.setPendingSerial(agentId("a"), "3", "4", now + 240, { authorityId: "next", seenAt: now + 60 });
      assert.deepEqual(await use(), ["next", now + 60]);
      await store.banNode(agentId("a"));
      assert.deepEqual(await use(), ["next", now + 60]);
    });

    it("remembers for good that a node used the sync stream, also when it attests again", async () => {
      await using store = await open();
      const syncs = async () => (await store.findNode(agentId("a")))?.syncs;
      await attest(store, nodeOf("a", { canReattest: true, agentVersion: "1" }));
      assert.equal(await syncs(), false);
      await store.setAgentVersion(agentId("a"), "1", true);
      assert.equal(await syncs(), true);
      await store.setAgentVersion(agentId("a"), "2", false);
      await attest(store, nodeOf("a", { canReattest: true, serialNumber: "2" }));
      assert.equal(await syncs(), true);
    });

    it("keeps the version an agent reports, and says nothing in the feed when it is no news", async () => {
      await using store = await open();
      await attest(store, nodeOf("a"));
      assert.equal(await store.setAgentVersion(agentId("a"), "2.0", false), true);
      const { n } = await store.head();
      assert.equal(await store.setAgentVersion(agentId("a"), "2.0", false), true);
      assert.equal((await store.head()).n, n);
      assert.equal((await store.findNode(agentId("a")))?.agentVersion, "2.0");
      assert.equal(await store.setAgentVersion(agentId("none"), "2.0", false), false);
    });
  });
}
