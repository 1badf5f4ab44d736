import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { silentLogger } from "../runtime/core/index.ts";
import { FakeClock } from "../test/fakes/fake-clock.ts";
import { exampleTrustDomain, nodeOf } from "../test/fakes/server-values.ts";
import { Housekeeping } from "./housekeeping.ts";

describe("Housekeeping", () => {
  it("forgets as many expired agents in a round as the batch allows, and the rest in the next", async () => {
    const clock = new FakeClock();
    const nodes = new Map(
      ["a", "b", "c"].map((name) => [name, nodeOf(name, { expiresAt: 1, canReattest: true })] as const),
    );
    const forgotten: string[] = [];
    const housekeeping = new Housekeeping({
      clock,
      trustDomain: exampleTrustDomain,
      logger: silentLogger,
      registry: { nodes: () => nodes.values() },
      pruneNodes: { expiredForMs: 1_000, includeOneTime: false, batchSize: 2 },
      store: {
        deleteExpiredEntries: async () => 0,
        deleteExpiredJoinTokens: async () => 0,
        compact: async () => {},
        listAuthorities: async () => [],
        findBundle: async () => undefined,
        commitAuthorities: async () => assert.fail("no authority is to go"),
        deleteNode: async (id) => {
          forgotten.push(id.path);
          for (const [name, node] of nodes) if (node.id.equals(id)) nodes.delete(name);
          return true;
        },
      },
    });
    await housekeeping.sweep(true);
    assert.equal(forgotten.length, 2);
    await housekeeping.sweep(true);
    assert.equal(forgotten.length, 3);
  });
});
