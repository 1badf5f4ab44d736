import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpiffeBundle, TrustDomain } from "../spiffe/index.ts";
import { AgentWorld, selectors } from "../test/fakes/agent-world.ts";
import type { NodeStore } from "./identity/node-store.ts";
import { agentLimits } from "./limits.ts";

const web = { id: "web", spiffeId: "spiffe://example.org/web", selectors: selectors("unix:uid:1") };
const interval = 5_300;
const ids = (list: readonly { readonly entryId: string }[]): readonly string[] => list.map(({ entryId }) => entryId);

async function polledWorld(): Promise<AgentWorld> {
  const world = await AgentWorld.create();
  world.server.pushes = false;
  return world;
}

describe("an agent under a server without sync service", () => {
  it("has what its entries say, is current, and follows changes within an interval", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    assert.equal(watch.view.isCurrent, true);
    assert.deepEqual(ids(watch.view.identities), ["web"]);
    world.server.putEntry({ ...web, hint: "main" });
    world.server.putEntry({ ...web, id: "xtra", spiffeId: "spiffe://example.org/xtra" });
    await world.clock.advance(interval);
    assert.deepEqual(ids(watch.view.identities), ["web", "xtra"]);
    assert.equal(watch.view.identities[0]?.hint, "main");
    world.server.deleteEntry("web");
    await world.clock.advance(interval);
    assert.deepEqual(ids(watch.view.identities), ["xtra"]);
    await world.stop();
  });

  it("changes nothing while nothing changes", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const { view } = watch;
    const batches = world.server.batchSizes.length;
    const polls = world.server.polls;
    await world.clock.advance(60_000);
    assert.equal(watch.view, view);
    assert.equal(world.server.batchSizes.length, batches);
    assert.ok(world.server.polls - polls >= 10, `${world.server.polls - polls} polls`);
    assert.ok(world.server.polls - polls <= 13, `${world.server.polls - polls} polls`);
    await world.stop();
  });

  it("is behind through an outage, serves on, and comes back by itself", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    world.server.goDown();
    await world.clock.advance(600_000);
    assert.equal(watch.view.isCurrent, false);
    assert.deepEqual(ids(watch.view.identities), ["web"]);
    world.server.putEntry({ ...web, hint: "back" });
    world.server.isDown = false;
    await world.clock.advance(31_000);
    assert.equal(watch.view.isCurrent, true);
    assert.equal(watch.view.identities[0]?.hint, "back");
    await world.stop();
  });

  it("fetches federated bundles as entries need them, and one that fails stops nothing", async () => {
    const world = await polledWorld();
    const [good, bad] = ["good.test", "bad.test"].map((name) => TrustDomain.parse(name));
    assert.ok(good !== undefined && bad !== undefined);
    const { x509Authorities } = world.server.issuer.bundle();
    world.server.putBundle(SpiffeBundle.of(good, { x509Authorities }));
    world.server.putBundle(SpiffeBundle.of(bad, { x509Authorities }));
    world.server.failingBundles.add("bad.test");
    world.server.putEntry({ ...web, federatesWith: [bad, good, TrustDomain.parse("unknown.test")] });
    await world.start();
    const watch = world.watch("unix:uid:1");
    const domains = (): readonly string[] => watch.view.federatedBundles.map(({ trustDomain }) => trustDomain.name);
    assert.deepEqual(domains(), ["good.test"]);
    assert.deepEqual(ids(watch.view.identities), ["web"]);
    world.server.failingBundles.delete("bad.test");
    await world.clock.advance(interval);
    assert.deepEqual(domains(), ["bad.test", "good.test"]);
    // What is held of one that fails again stays.
    world.server.failingBundles.add("bad.test");
    world.server.putEntry({ ...web, federatesWith: [bad] });
    await world.clock.advance(interval);
    assert.deepEqual(domains(), ["bad.test"]);
    assert.equal(world.core.identities.bundle(good), undefined);
    await world.stop();
  });

  it("replaces SVIDs of an authority that the bundle marks as tainted", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const before = watch.view.identities[0]?.chainDer;
    const [old] = world.server.issuer.bundle().x509Authorities;
    assert.ok(old !== undefined);
    await world.server.rotateCa();
    const bundle = world.server.issuer.bundle();
    world.server.putBundle(
      bundle.with({
        x509Authorities: bundle.x509Authorities.map((one) => ({
          ...one,
          tainted: one.certificate.equals(old.certificate),
        })),
      }),
    );
    await world.clock.advance(interval + agentLimits.replacementSpreadMs.value + 1_000);
    const after = watch.view.identities[0]?.chainDer;
    assert.notDeepEqual(after, before);
    assert.ok(world.server.log.includes("renew"), "the agent's own SVID is replaced too");
    await world.stop();
  });

  it("replaces SVIDs of an authority that has left the bundle unseen", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const before = watch.view.identities[0]?.chainDer;
    await world.server.rotateCa();
    const bundle = world.server.issuer.bundle();
    world.server.putBundle(bundle.with({ x509Authorities: bundle.x509Authorities.slice(0, 1) }));
    await world.clock.advance(interval + 1_000);
    assert.notDeepEqual(watch.view.identities[0]?.chainDer, before);
    await world.stop();
  });

  it("moves to push when the server learns it, and back to polling, without losing anything", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const { view } = watch;
    world.server.pushes = true;
    await world.clock.advance(66_000);
    assert.equal(world.server.streams, 1);
    const { polls } = world.server;
    world.server.putEntry({ ...web, id: "pushed", spiffeId: "spiffe://example.org/pushed" });
    await world.clock.advance(5);
    assert.deepEqual(ids(watch.view.identities), ["web", "pushed"]);
    assert.equal(watch.view.identities[0]?.chainDer, view.identities[0]?.chainDer);
    await world.clock.advance(20_000);
    assert.equal(world.server.polls, polls);
    world.server.pushes = false;
    world.server.dropConnections();
    await world.clock.advance(1_000);
    assert.equal(watch.view.isCurrent, true);
    world.server.deleteEntry("pushed");
    await world.clock.advance(interval);
    assert.deepEqual(ids(watch.view.identities), ["web"]);
    await world.stop();
  });

  it("polls on over a new connection after its own SVID was renewed", async () => {
    const world = await polledWorld();
    world.server.agentTtl = 60;
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    await world.clock.advance(180_000);
    assert.ok(world.server.log.filter((what) => what === "renew").length >= 3);
    assert.equal(watch.view.isCurrent, true);
    await world.stop();
  });

  it("stores one state after the other, and the newest last, however slow the disk is", async () => {
    const world = await polledWorld();
    world.server.agentTtl = 20;
    const { nodeStore, clock } = world;
    let writing = 0;
    const slow: Pick<NodeStore, "saveState"> = {
      saveState: async (state) => {
        writing += 1;
        assert.equal(writing, 1, "two writes at once");
        // Longer than the next renewal takes to come.
        await clock.sleep(6_000);
        writing -= 1;
        nodeStore.state = state;
      },
    };
    world.overrides = {
      nodeStore: {
        saveState: slow.saveState,
        loadState: () => nodeStore.loadState(),
        eraseState: () => nodeStore.eraseState(),
        loadBundle: () => nodeStore.loadBundle(),
        saveBundle: (bundle) => nodeStore.saveBundle(bundle),
      },
    };
    await world.start();
    for (let step = 0; step < 240; step += 1) {
      await clock.advance(500);
      assert.equal(world.failure, undefined);
    }
    assert.ok(world.server.log.filter((what) => what === "renew").length >= 3);
    const stopped = world.stop();
    await clock.advance(10_000);
    await stopped;
  });

  it("wipes and stops when it is banned, and only then", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    world.server.ban(world.agentId);
    await world.clock.advance(interval);
    assert.deepEqual(ids(watch.view.identities), []);
    assert.equal(world.core.state.notReady?.code, "ERR_AGENT_BANNED");
    assert.equal(world.nodeStore.state, undefined);
    await world.stop();
  });

  it("attests again with a new token after it was evicted", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    world.server.tokens.add("token-2");
    world.token = "token-2";
    world.server.evict(world.agentId);
    await world.clock.advance(interval + 2_000);
    assert.match(world.agentId.toString(), /token-2$/);
    assert.deepEqual(ids(world.watch("unix:uid:1").view.identities), ["web"]);
    await world.stop();
  });

  it("does not hold refusals of the former identity against the one it gets meanwhile", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    world.server.tokens.add("token-2");
    world.token = "token-2";
    // Long enough for the sync loop to be refused a few times more.
    world.server.attestMs = 3_000;
    world.server.evict(world.agentId);
    await world.clock.advance(interval + 20_000);
    assert.equal(world.failure, undefined);
    assert.match(world.agentId.toString(), /token-2$/);
    assert.deepEqual(ids(world.watch("unix:uid:1").view.identities), ["web"]);
    await world.stop();
  });

  it("goes on from what it had stored after a restart", async () => {
    const world = await polledWorld();
    world.server.putEntry(web);
    await world.start();
    await world.clock.advance(5_000);
    await world.stop();
    const batches = world.server.batchSizes.length;
    world.server.putEntry({ ...web, id: "more", spiffeId: "spiffe://example.org/more" });
    await world.start();
    assert.deepEqual(ids(world.watch("unix:uid:1").view.identities), ["web", "more"]);
    assert.equal(world.server.batchSizes.length, batches + 1);
    await world.stop();
  });
});
