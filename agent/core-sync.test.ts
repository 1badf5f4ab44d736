import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AgentWorld, selectors } from "../test/fakes/agent-world.ts";

const web = { id: "web", spiffeId: "spiffe://example.org/web", selectors: selectors("unix:uid:1") };
const ids = (list: readonly { readonly entryId: string }[]): readonly string[] => list.map(({ entryId }) => entryId);

describe("entries that change while a workload watches", () => {
  it("bring an SVID to a waiting workload within milliseconds", async () => {
    const world = await AgentWorld.create();
    await world.start();
    const watch = world.watch("unix:uid:1");
    assert.equal(watch.view.identities.length, 0);
    const changed = watch.changed(AbortSignal.timeout(1_000));
    world.server.putEntry(web);
    await world.clock.advance(3);
    assert.deepEqual(ids(watch.view.identities), ["web"]);
    await changed;
    await world.stop();
  });

  it("are withdrawn at once when the entry is deleted", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    world.server.deleteEntry("web");
    await world.clock.advance(0);
    assert.equal(watch.view.identities.length, 0);
    assert.deepEqual(watch.view.withheld, []);
    await world.stop();
  });

  it("get a new SVID when DNS names change; the old one is served until then", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const before = watch.view.identities[0];
    world.server.isSigningDown = true;
    world.server.putEntry({ ...web, dnsNames: ["web.example"] });
    await world.clock.advance(10);
    assert.equal(watch.view.identities[0]?.chainDer, before?.chainDer);
    world.server.isSigningDown = false;
    await world.clock.advance(1_000);
    assert.notEqual(watch.view.identities[0]?.chainDer, before?.chainDer);
    assert.ok(Buffer.from(watch.view.identities[0]?.chainDer ?? []).includes("web.example"));
    await world.stop();
  });

  it("stop serving the former SPIFFE ID before the new one is signed", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    world.server.isSigningDown = true;
    world.server.putEntry({ ...web, spiffeId: "spiffe://example.org/other" });
    await world.clock.advance(10);
    assert.equal(watch.view.identities.length, 0);
    world.server.isSigningDown = false;
    await world.clock.advance(1_000);
    assert.equal(watch.view.identities[0]?.id.toString(), "spiffe://example.org/other");
    await world.stop();
  });

  it("show a new hint without a new SVID", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const before = watch.view;
    const batches = world.server.batchSizes.length;
    world.server.putEntry({ ...web, hint: "internal" });
    await world.clock.advance(5);
    assert.equal(watch.view.identities[0]?.hint, "internal");
    assert.equal(watch.view.identities[0]?.chainDer, before.identities[0]?.chainDer);
    assert.equal(world.server.batchSizes.length, batches);
    await world.stop();
  });

  it("follow selectors that no longer match", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    world.server.putEntry({ ...web, selectors: selectors("unix:uid:2") });
    await world.clock.advance(5);
    assert.equal(watch.view.identities.length, 0);
    assert.deepEqual(ids(world.watch("unix:uid:2").view.identities), ["web"]);
    await world.stop();
  });

  it("keep the oldest of two entries with one hint", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry({ ...web, id: "older", hint: "main", createdAt: 1 });
    world.server.putEntry({ ...web, id: "newer", hint: "main", createdAt: 2, spiffeId: "spiffe://example.org/b" });
    world.server.putEntry({ ...web, id: "plain", createdAt: 0, spiffeId: "spiffe://example.org/c" });
    await world.start();
    assert.deepEqual(ids(world.watch("unix:uid:1").view.identities), ["plain", "older"]);
    await world.stop();
  });

  it("tell that selectors of a type are wanted, and when that may have changed", async () => {
    const world = await AgentWorld.create();
    await world.start();
    let changes = 0;
    const stop = world.core.identities.onInterestChange(() => {
      changes += 1;
    });
    assert.equal(world.core.identities.wantsSelector("unix", "sha256:"), false);
    world.server.putEntry({ ...web, selectors: selectors("unix:sha256:00") });
    await world.clock.advance(5);
    assert.equal(world.core.identities.wantsSelector("unix", "sha256:"), true);
    assert.equal(changes, 1);
    stop();
    world.server.deleteEntry("web");
    await world.clock.advance(5);
    assert.equal(world.core.identities.wantsSelector("unix", "sha256:"), false);
    assert.equal(changes, 1);
    await world.stop();
  });
});

describe("change sets", () => {
  it("of several pages are applied as a whole", async () => {
    const world = await AgentWorld.create();
    world.server.pageSize = 2;
    for (let index = 0; index < 7; index += 1) {
      world.server.putEntry({ ...web, id: `entry-${index}`, spiffeId: `spiffe://example.org/${index}` });
    }
    await world.start();
    assert.equal(world.watch("unix:uid:1").view.identities.length, 7);
    assert.equal(world.server.acks.filter(({ type }) => type === "entry").length >= 1, true);
    await world.stop();
  });

  it("as a snapshot remove what they do not hold", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    world.server.putEntry({ ...web, id: "gone", spiffeId: "spiffe://example.org/gone" });
    await world.start();
    const watch = world.watch("unix:uid:1");
    assert.equal(watch.view.identities.length, 2);
    world.server.goDown();
    world.server.deleteEntry("gone");
    // A store that was restored has another epoch, so no held position means anything.
    world.server.epoch = "epoch-2";
    world.server.isDown = false;
    await world.clock.advance(1_000);
    assert.deepEqual(ids(watch.view.identities), ["web"]);
    await world.stop();
  });

  it("missed during an outage come as a delta from the held position", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    world.server.goDown();
    world.server.deleteEntry("web");
    world.server.putEntry({ ...web, id: "api", spiffeId: "spiffe://example.org/api" });
    await world.clock.advance(10);
    assert.deepEqual(ids(watch.view.identities), ["web"]);
    world.server.isDown = false;
    await world.clock.advance(1_000);
    assert.deepEqual(ids(watch.view.identities), ["api"]);
    await world.stop();
  });

  it("are acknowledged with the entries whose SVID is still on its way, and again once it is there", async () => {
    const world = await AgentWorld.create();
    await world.start();
    world.server.isSigningDown = true;
    world.server.putEntry(web);
    await world.clock.advance(10);
    assert.deepEqual(world.server.acks.at(-1)?.pendingEntryIds, ["web"]);
    world.server.isSigningDown = false;
    await world.clock.advance(1_000);
    assert.deepEqual(world.server.acks.at(-1)?.pendingEntryIds, []);
    await world.stop();
  });

  it("whose digest differs lead to a snapshot, and to a view that is not current until then", async () => {
    const world = await AgentWorld.create();
    await world.start();
    const hellos = world.server.hellos.length;
    world.server.spoilDigests = 1;
    world.server.putEntry(web);
    await world.clock.advance(100);
    const hello = world.server.hellos.at(-1);
    assert.equal(world.server.hellos.length, hellos + 1);
    assert.equal(
      hello?.held.some(({ type }) => type === "entry"),
      false,
    );
    assert.ok(hello?.held.some(({ type }) => type === "bundle"));
    const { view } = world.watch("unix:uid:1");
    assert.deepEqual(ids(view.identities), ["web"]);
    assert.equal(view.isCurrent, true);
    await world.stop();
  });

  it("as snapshots whose digest differs do not lead to a tight loop", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    world.server.spoilDigests = 1_000;
    await world.start();
    await world.clock.advance(60_000);
    assert.ok(world.server.hellos.length < 20, `${world.server.hellos.length} hellos in a minute`);
    assert.equal(world.watch("unix:uid:1").view.isCurrent, false);
    await world.stop();
  });
});

describe("the agent's status", () => {
  it("is sent when it has changed, and at most every 30 s", async () => {
    const world = await AgentWorld.create();
    await world.start();
    const before = world.server.statuses.length;
    for (let index = 0; index < 20; index += 1) {
      world.server.putEntry({ ...web, id: `e${index}`, spiffeId: `spiffe://example.org/${index}` });
      await world.clock.advance(1_000);
    }
    await world.clock.advance(20_000);
    const sent = world.server.statuses.slice(before);
    assert.equal(sent.length, 1);
    assert.equal(sent[0]?.x509Svids, 20);
    await world.clock.advance(600_000);
    assert.equal(world.server.statuses.length, before + 1, "nothing changed");
    await world.stop();
  });
});

describe("reconnecting", () => {
  it("goes on for ever, with capped back-off", async () => {
    const world = await AgentWorld.create();
    world.server.agentTtl = 7 * 86_400;
    await world.start();
    world.server.goDown();
    const before = world.server.log.length;
    await world.clock.advance(3_600_000);
    const attempts = world.server.log.length - before;
    assert.ok(attempts >= 3_600 / 30 && attempts < 300, `${attempts} attempts in an hour`);
    world.server.isDown = false;
    await world.clock.advance(30_000);
    assert.equal(world.server.streams, 1);
    await world.stop();
  });

  it("tells only waiting workloads that the view is current or not", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const served = world.watch("unix:uid:1");
    const waiting = world.watch("unix:uid:2");
    const servedVersion = served.view.version;
    const waitingVersion = waiting.view.version;
    world.server.dropConnections();
    await world.clock.advance(0);
    assert.equal(waiting.view.isCurrent, false);
    await world.clock.advance(1_000);
    assert.equal(served.view.isCurrent, true);
    assert.equal(served.view.version, servedVersion);
    assert.equal(waiting.view.version, waitingVersion + 2);
    await world.stop();
  });
});
