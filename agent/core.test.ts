import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AgentWorld, selectors } from "../test/fakes/agent-world.ts";
import { backOffs } from "./limits.ts";

const web = { spiffeId: "spiffe://example.org/web", selectors: selectors("unix:uid:1") };

describe("an agent's first start", () => {
  it("attests, syncs, and has the SVID of a matching entry", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const { view } = world.watch("unix:uid:1", "unix:gid:5");
    assert.equal(view.isCurrent, true);
    assert.deepEqual(view.withheld, []);
    assert.deepEqual(
      view.identities.map(({ id }) => id.toString()),
      ["spiffe://example.org/web"],
    );
    assert.equal(world.core.state.notReady, undefined);
    assert.equal(world.agentId.toString(), "spiffe://example.org/spire/agent/join_token/token-1");
    await world.stop();
  });

  it("serves nothing to a workload that lacks one of the entry's selectors", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry({ ...web, selectors: selectors("unix:uid:1", "unix:gid:5") });
    await world.start();
    assert.deepEqual(world.watch("unix:uid:1").view.identities, []);
    await world.stop();
  });

  it("is not ready while the server is down, and attests once it is up", async () => {
    const world = await AgentWorld.create();
    world.server.goDown();
    await world.start();
    assert.equal(world.core.state.notReady?.code, "ERR_AGENT_NOT_READY");
    await world.clock.advance(300_000);
    assert.equal(world.core.state.notReady?.code, "ERR_AGENT_NOT_READY");
    world.server.isDown = false;
    await world.clock.advance(61_000);
    assert.equal(world.core.state.notReady, undefined);
    await world.stop();
  });

  it("stops with a clear code when the token is refused", async () => {
    const world = await AgentWorld.create();
    world.token = "unknown";
    await world.start();
    assert.equal(codeOf(world.failure), "ERR_ATTESTATION_REFUSED");
    assert.equal(world.core.state.notReady?.code, "ERR_ATTESTATION_REFUSED");
    await world.stop();
  });
});

describe("a restart", () => {
  it("uses the stored identity and resumes by position", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    await world.clock.advance(5_000);
    await world.stop();
    await world.start();
    assert.equal(world.server.log.filter((line) => line === "attest").length, 1);
    const entryPositions = world.server.hellos.map(({ held }) => held.some(({ type }) => type === "entry"));
    assert.deepEqual(entryPositions, [false, true]);
    assert.equal(world.watch("unix:uid:1").view.identities.length, 1);
    await world.stop();
  });

  it("serves stored SVIDs while the server is down, and does not call them current", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    await world.clock.advance(5_000);
    await world.stop();
    world.server.goDown();
    await world.start();
    const { view } = world.watch("unix:uid:1");
    assert.equal(view.identities.length, 1);
    assert.equal(view.isCurrent, false);
    assert.equal(world.core.state.notReady, undefined);
    await world.stop();
  });

  it("does not serve stored SVIDs that expired meanwhile", async () => {
    const world = await AgentWorld.create();
    world.server.agentTtl = 86_400;
    world.server.putEntry(web);
    await world.start();
    await world.clock.advance(5_000);
    await world.stop();
    world.server.goDown();
    await world.clock.advance(3_600_000);
    await world.start();
    assert.deepEqual(world.watch("unix:uid:1").view.identities, []);
    await world.stop();
  });

  it("uses nothing of another agent's stored state", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    await world.clock.advance(5_000);
    await world.stop();
    world.nodeStore.state = undefined;
    world.token = "token-2";
    world.server.tokens.add("token-2");
    await world.start();
    assert.equal(world.server.hellos.at(-1)?.held.length, 0);
    await world.stop();
  });
});

describe("an outage of the server", () => {
  it("takes no valid SVID away; expired ones are withdrawn; the rest comes back by itself", async () => {
    const world = await AgentWorld.create();
    world.server.agentTtl = 86_400;
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const before = watch.view.identities[0];
    world.server.goDown();
    await world.clock.advance(3_500_000);
    assert.equal(watch.view.identities[0]?.chainDer, before?.chainDer);
    assert.equal(watch.view.isCurrent, false);
    await world.clock.advance(110_000);
    assert.equal(watch.view.identities.length, 0);
    assert.deepEqual(
      watch.view.withheld.map(({ code }) => code),
      ["ERR_SVID_EXPIRED"],
    );
    world.server.isDown = false;
    await world.clock.advance(31_000);
    assert.equal(watch.view.identities.length, 1);
    assert.equal(watch.view.isCurrent, true);
    await world.stop();
  });

  it("serves on after the agent's own SVID expired, and stops when nothing is left", async () => {
    const world = await AgentWorld.create();
    world.server.agentTtl = 600;
    world.server.x509Ttl = 3_600;
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    world.server.goDown();
    await world.clock.advance(1_200_000);
    assert.equal(watch.view.identities.length, 1);
    assert.equal(world.failure, undefined);
    assert.equal(world.core.health().healthy, false);
    await world.clock.advance(2_500_000);
    assert.equal(codeOf(world.failure), "ERR_AGENT_SVID_EXPIRED");
    await world.stop();
  });
});

describe("a ban", () => {
  it("wipes everything, stops serving and stops the agent", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    await world.clock.advance(5_000);
    const watch = world.watch("unix:uid:1");
    assert.equal(watch.view.identities.length, 1);
    world.server.ban(world.agentId);
    await world.clock.advance(1_000);
    assert.equal(codeOf(world.failure), "ERR_AGENT_BANNED");
    assert.equal(watch.view.identities.length, 0);
    assert.equal(world.core.state.notReady?.code, "ERR_AGENT_BANNED");
    assert.equal(world.core.state.agentId, undefined);
    await world.stop();
    assert.equal(world.nodeStore.state, undefined);
    assert.equal(world.workloadStore.state, undefined);
  });
});

describe("an eviction", () => {
  it("stops the agent when its token is used up, and erases its identity", async () => {
    const world = await AgentWorld.create();
    await world.start();
    world.server.evict(world.agentId);
    await world.clock.advance(1_000);
    assert.equal(codeOf(world.failure), "ERR_AGENT_EVICTED");
    assert.equal(world.nodeStore.state, undefined);
    await world.stop();
  });

  it("leads to a new attestation when there is another token; the former identity's entries are dropped", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    world.token = "token-2";
    world.server.tokens.add("token-2");
    world.server.evict(world.agentId);
    await world.clock.advance(31_000);
    assert.equal(world.failure, undefined);
    assert.equal(world.agentId.toString(), "spiffe://example.org/spire/agent/join_token/token-2");
    assert.equal(world.server.hellos.at(-1)?.held.length, 0);
    assert.equal(world.watch("unix:uid:1").view.identities.length, 1);
    await world.stop();
  });

  it("leads to a new attestation when the node may attest again", async () => {
    const world = await AgentWorld.create();
    world.server.canReattest = true;
    await world.start();
    world.server.evict(world.agentId);
    await world.clock.advance(31_000);
    assert.equal(world.failure, undefined);
    assert.equal(world.server.streams, 1);
    await world.stop();
  });
});

describe("renewal of the agent's own SVID", () => {
  it("happens at half-life, opens the new stream before it leaves the old one, and resumes by position", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const first = world.nodeStore.state?.active;
    await world.clock.advance(2_000_000);
    assert.equal(world.server.log.filter((line) => line === "renew").length, 1);
    assert.notEqual(world.nodeStore.state?.active, first);
    assert.equal(world.nodeStore.state?.previous, undefined, "the accepted identity replaced the one before");
    assert.equal(world.server.streams, 1);
    assert.ok(world.server.hellos.at(-1)?.held.some(({ type }) => type === "entry"));
    assert.equal(watch.view.isCurrent, true);
    await world.stop();
  });

  it("goes on from the old identity after a crash before the new one was stored", async () => {
    const world = await AgentWorld.create();
    await world.start();
    const first = world.nodeStore.state?.active;
    world.nodeStore.beforeSave = () => {
      throw new Error("crash");
    };
    await world.clock.advance(1_900_000);
    await world.stop();
    world.nodeStore.beforeSave = () => {};
    assert.equal(world.nodeStore.state?.active, first);
    await world.start();
    await world.clock.advance(60_000);
    assert.equal(world.failure, undefined);
    assert.notEqual(world.nodeStore.state?.active, first);
    assert.equal(world.server.streams, 1);
    assert.equal(world.server.log.filter((line) => line === "attest").length, 1);
    await world.stop();
  });

  it("goes on from the new identity after a crash once it was stored", async () => {
    const world = await AgentWorld.create();
    await world.start();
    const first = world.nodeStore.state?.active;
    world.nodeStore.afterSave = () => {
      throw new Error("crash");
    };
    await world.clock.advance(1_900_000);
    await world.stop();
    world.nodeStore.afterSave = () => {};
    assert.equal(world.nodeStore.state?.previous, first);
    await world.start();
    assert.equal(world.failure, undefined);
    assert.equal(world.nodeStore.state?.previous, undefined);
    assert.equal(world.server.streams, 1);
    await world.stop();
  });

  it("falls back to the identity before when the server does not know the new one", async () => {
    const world = await AgentWorld.create();
    await world.start();
    const node = world.server.nodes.get(world.agentId.toString());
    const first = world.nodeStore.state?.active;
    // As if the server had been restored to a state before the renewal.
    world.nodeStore.afterSave = () => {
      if (node !== undefined) node.pendingSerial = "";
      world.nodeStore.afterSave = () => {};
    };
    await world.clock.advance(2_000_000);
    assert.equal(world.failure, undefined);
    assert.equal(world.server.streams, 1);
    assert.notEqual(world.nodeStore.state?.active, undefined);
    assert.ok(world.server.log.filter((line) => line === "renew").length >= 2);
    assert.notEqual(world.nodeStore.state?.active, first);
    await world.stop();
  });

  it("takes no harm when the old stream is refused before the new one is there", async () => {
    const world = await AgentWorld.create();
    await world.start();
    const id = world.agentId;
    let isFirst = true;
    // The server has seen the new identity in use and ends the old one's streams, but the new stream breaks.
    world.nodeStore.afterSave = ({ active, previous }) => {
      if (previous === undefined || !isFirst) return;
      isFirst = false;
      const node = world.server.nodes.get(id.toString());
      if (node !== undefined) node.serial = node.pendingSerial;
      assert.notEqual(active, previous);
      world.server.refuseStreams(id, "agentNotActive");
      world.server.isDown = true;
    };
    await world.clock.advance(2_000_000);
    assert.equal(isFirst, false);
    world.server.isDown = false;
    await world.clock.advance(60_000);
    assert.equal(world.failure, undefined);
    assert.equal(world.server.streams, 1);
    assert.equal(world.server.log.filter((line) => line === "attest").length, 1);
    await world.stop();
  });

  it("is not put off any longer when the server comes back from an outage", async () => {
    const world = await AgentWorld.create();
    await world.start();
    const first = world.nodeStore.state?.active;
    await world.clock.advance(1_600_000);
    world.server.goDown();
    // Long enough for the longest pauses between attempts.
    await world.clock.advance(1_500_000);
    assert.equal(world.nodeStore.state?.active, first);
    world.server.isDown = false;
    await world.clock.advance(backOffs.sync.capMs + 1_000);
    assert.notEqual(world.nodeStore.state?.active, first);
    await world.stop();
  });

  it("is tried the more often the less is left", async () => {
    const world = await AgentWorld.create();
    world.server.agentTtl = 40;
    await world.start();
    world.server.isRenewingDown = true;
    await world.clock.advance(38_000);
    world.server.isRenewingDown = false;
    await world.clock.advance(2_500);
    assert.equal(world.failure, undefined);
    assert.equal(world.server.log.filter((line) => line === "renew").length, 1);
    await world.stop();
  });

  it("attests again instead where the node may", async () => {
    const world = await AgentWorld.create();
    world.server.canReattest = true;
    await world.start();
    await world.clock.advance(2_000_000);
    assert.equal(world.server.log.filter((line) => line === "attest").length, 2);
    assert.equal(world.server.log.filter((line) => line === "renew").length, 0);
    await world.stop();
  });
});

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : error;
}
