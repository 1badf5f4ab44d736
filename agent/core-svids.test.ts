import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseJwtSvid, SpiffeBundle, SpiffeId, TrustDomain } from "../spiffe/index.ts";
import { AgentWorld, selectors } from "../test/fakes/agent-world.ts";

const web = { id: "web", spiffeId: "spiffe://example.org/web", selectors: selectors("unix:uid:1") };
const signal = new AbortController().signal;

describe("X509-SVIDs", () => {
  it("are renewed at half-life, each at its own time", async () => {
    const world = await AgentWorld.create();
    world.server.agentTtl = 7 * 86_400;
    for (let index = 0; index < 40; index += 1) {
      world.server.putEntry({ ...web, id: `e${index}`, spiffeId: `spiffe://example.org/${index}` });
    }
    await world.start();
    const watch = world.watch("unix:uid:1");
    const first = watch.view.identities.map(({ chainDer }) => chainDer);
    const batches = world.server.batchSizes.length;
    await world.clock.advance(1_600_000);
    assert.equal(world.server.batchSizes.length, batches, "nothing before 45 % of the life");
    await world.clock.advance(400_000);
    const second = watch.view.identities.map(({ chainDer }) => chainDer);
    assert.equal(second.filter((chainDer) => first.includes(chainDer)).length, 0);
    assert.ok(world.server.batchSizes.length - batches > 20, "spread over many batches");
    await world.stop();
  });

  it("of a few seconds are renewed in time and not for ever", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry({ ...web, x509SvidTtl: 4 });
    await world.start();
    const watch = world.watch("unix:uid:1");
    const batches = world.server.batchSizes.length;
    for (let second = 0; second < 60; second += 1) {
      await world.clock.advance(1_000);
      assert.equal(watch.view.identities.length, 1);
    }
    const renewals = world.server.batchSizes.length - batches;
    // Certificates have whole seconds, so up to one of the four is lost.
    assert.ok(renewals >= 27 && renewals <= 60, `${renewals} renewals in a minute`);
    await world.stop();
  });

  it("are asked for in batches of at most 500, and in smaller ones when the server wants that", async () => {
    const world = await AgentWorld.create();
    world.server.maxBatch = 60;
    for (let index = 0; index < 300; index += 1) {
      world.server.putEntry({ ...web, id: `e${index}`, spiffeId: `spiffe://example.org/${index}` });
    }
    await world.start();
    await world.clock.advance(60_000);
    assert.equal(world.watch("unix:uid:1").view.identities.length, 300);
    assert.ok(Math.max(...world.server.batchSizes) <= 60);
    await world.stop();
  });

  it("that the server refuses are withheld with a code, and asked for again later", async () => {
    const world = await AgentWorld.create();
    world.server.refused.add("web");
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    assert.deepEqual(
      watch.view.withheld.map(({ code }) => code),
      ["ERR_SVID_REFUSED"],
    );
    world.server.refused.clear();
    await world.clock.advance(10_000);
    assert.equal(watch.view.identities.length, 1);
    await world.stop();
  });

  it("for another SPIFFE ID than asked for are not served", async () => {
    const world = await AgentWorld.create();
    world.server.wrongId = SpiffeId.parse("spiffe://example.org/admin");
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    assert.equal(watch.view.identities.length, 0);
    assert.deepEqual(
      watch.view.withheld.map(({ code }) => code),
      ["ERR_SVID_UNUSABLE"],
    );
    await world.stop();
  });

  it("under a distrusted authority are replaced at once, and served until then", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    const before = watch.view.identities[0];
    const own = world.nodeStore.state?.active;
    const old = world.server.issuer.authorityId;
    await world.server.rotateCa();
    await world.clock.advance(100);
    assert.equal(watch.view.identities[0]?.chainDer, before?.chainDer);
    world.server.distrust("x509", old);
    await world.clock.advance(100);
    assert.notEqual(watch.view.identities[0]?.chainDer, before?.chainDer);
    assert.notEqual(world.nodeStore.state?.active, own, "the agent's own SVID is replaced too");
    await world.stop();
  });

  it("are not asked for in a tight loop while the server still signs under the distrusted authority", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    world.server.distrust("x509", world.server.issuer.authorityId);
    await world.clock.advance(60_000);
    assert.ok(world.server.log.length < 60, `${world.server.log.length} calls in a minute`);
    assert.equal(world.watch("unix:uid:1").view.identities.length, 1);
    await world.stop();
  });

  it("that nobody watches are bounded; watched ones are all kept", async () => {
    const world = await AgentWorld.create();
    world.overrides = { x509CacheMaxSize: 10 };
    for (let index = 0; index < 30; index += 1) {
      const spiffeId = `spiffe://example.org/${index}`;
      world.server.putEntry({ ...web, id: `e${index}`, spiffeId, selectors: selectors(`unix:uid:${index}`) });
    }
    await world.start();
    assert.equal(world.core.health().parts["x509_svids"], "10");
    const watches = Array.from({ length: 20 }, (_, index) => world.watch(`unix:uid:${index + 10}`));
    await world.clock.advance(100);
    for (const watch of watches) assert.equal(watch.view.identities.length, 1);
    assert.equal(world.core.health().parts["x509_svids"], "20");
    const view = watches.at(-1)?.view;
    for (const watch of watches) watch.close();
    await world.clock.advance(900);
    assert.equal(
      world.core.health().parts["x509_svids"],
      "20",
      "for a moment, in which the next caller finds its view",
    );
    const next = world.watch("unix:uid:29");
    assert.equal(next.view, view);
    next.close();
    await world.clock.advance(1_100);
    assert.equal(world.core.health().parts["x509_svids"], "10");
    // Used most recently, so still here: no request is needed.
    const batches = world.server.batchSizes.length;
    assert.equal(world.watch("unix:uid:29").view.identities.length, 1);
    assert.equal(world.server.batchSizes.length, batches);
    await world.stop();
  });

  it("are not prefetched where the entry says so", async () => {
    const world = await AgentWorld.create();
    const additionalAttributes = { disableX509SvidPrefetch: true, jwtSvidIncludeJti: false };
    world.server.putEntry({ ...web, additionalAttributes });
    await world.start();
    assert.equal(world.core.health().parts["x509_svids"], "0");
    assert.deepEqual(world.server.acks.at(-1)?.pendingEntryIds, []);
    const watch = world.watch("unix:uid:1");
    assert.deepEqual(
      watch.view.withheld.map(({ code }) => code),
      ["ERR_SVID_PENDING"],
    );
    await world.clock.advance(10);
    assert.equal(watch.view.identities.length, 1);
    await world.stop();
  });

  it("of store entries are not served", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry({ ...web, storeSvid: true });
    await world.start();
    const { view } = world.watch("unix:uid:1");
    assert.deepEqual([...view.identities, ...view.withheld], []);
    await world.stop();
  });

  it("come with the bundles that their entries federate with", async () => {
    const world = await AgentWorld.create();
    const partner = TrustDomain.parse("partner.example");
    world.server.putEntry({ ...web, federatesWith: [partner, TrustDomain.parse("unknown.example")] });
    await world.start();
    const watch = world.watch("unix:uid:1");
    assert.equal(watch.view.federatedBundles.length, 0);
    world.server.putBundle(SpiffeBundle.empty(partner));
    world.server.putBundle(SpiffeBundle.empty(TrustDomain.parse("stranger.example")));
    await world.clock.advance(10);
    assert.deepEqual(
      watch.view.federatedBundles.map(({ trustDomain }) => trustDomain.name),
      ["partner.example"],
    );
    await world.stop();
  });

  it("are shared by all watchers of one selector set", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    assert.equal(world.watch("unix:uid:1", "unix:gid:1").view, world.watch("unix:gid:1", "unix:uid:1").view);
    await world.stop();
  });

  it("reach a slow watcher as one newest view", async () => {
    const world = await AgentWorld.create();
    world.server.putEntry(web);
    await world.start();
    const watch = world.watch("unix:uid:1");
    watch.view;
    for (let index = 0; index < 5; index += 1) {
      world.server.putEntry({ ...web, hint: `h${index}` });
      await world.clock.advance(5);
    }
    assert.equal((await watch.changed(signal)).identities[0]?.hint, "h4");
    const nothing = watch.changed(AbortSignal.abort(new Error("stopped waiting")));
    await assert.rejects(nothing, /stopped waiting/);
    await world.stop();
  });
});

describe("JWT-SVIDs", () => {
  const world = async (): Promise<AgentWorld> => {
    const made = await AgentWorld.create();
    made.server.putEntry(web);
    await made.start();
    return made;
  };
  const asked = (made: AgentWorld): number => made.server.log.filter((line) => line === "jwt").length;

  it("come from the cache whatever the order of audiences, until half of the life is over", async () => {
    const made = await world();
    const first = await made.core.identities.jwtSvid("web", ["a", "b"], signal);
    assert.equal((await made.core.identities.jwtSvid("web", ["b", "a", "b"], signal)).token, first.token);
    assert.equal(asked(made), 1);
    await made.clock.advance(160_000);
    assert.notEqual((await made.core.identities.jwtSvid("web", ["a", "b"], signal)).token, first.token);
    assert.equal(asked(made), 2);
    await made.stop();
  });

  it("name each audience once, so that what one caller repeats is in nobody else's token", async () => {
    const made = await world();
    const { token } = await made.core.identities.jwtSvid("web", ["b", "a", "b"], signal);
    assert.deepEqual(parseJwtSvid(token).audience, ["b", "a"]);
    await made.stop();
  });

  it("of one name are asked for once by many callers", async () => {
    const made = await world();
    const all = await Promise.all(Array.from({ length: 20 }, () => made.core.identities.jwtSvid("web", ["a"], signal)));
    assert.equal(new Set(all.map(({ token }) => token)).size, 1);
    assert.equal(asked(made), 1);
    await made.stop();
  });

  it("that the server signs no more of for now: callers hear when to come again, and get valid ones till then", async () => {
    const made = await world();
    made.server.isSigningLimited = true;
    const details = [{ kind: "retry", delayMs: 1_700 }];
    const limited = { code: "ERR_JWT_LIMITED", status: "unavailable", details };
    await assert.rejects(made.core.identities.jwtSvid("web", ["a"], signal), limited);
    made.server.isSigningLimited = false;
    const { token } = await made.core.identities.jwtSvid("web", ["a"], signal);
    made.server.isSigningLimited = true;
    await made.clock.advance(200_000);
    assert.equal((await made.core.identities.jwtSvid("web", ["a"], signal)).token, token);
    await made.stop();
  });

  it("that are valid are given out while the server is away, expired ones never", async () => {
    const made = await world();
    const first = await made.core.identities.jwtSvid("web", ["a"], signal);
    made.server.isSigningDown = true;
    await made.clock.advance(290_000);
    assert.equal((await made.core.identities.jwtSvid("web", ["a"], signal)).token, first.token);
    await made.clock.advance(11_000);
    await assert.rejects(made.core.identities.jwtSvid("web", ["a"], signal), { code: "ERR_JWT_UNAVAILABLE" });
    await made.stop();
  });

  it("are not given out once their authority is distrusted or their entry is gone", async () => {
    const made = await world();
    const first = await made.core.identities.jwtSvid("web", ["a"], signal);
    const old = made.server.issuer.jwtAuthorityId;
    await made.server.rotateCa();
    made.server.distrust("jwt", old);
    await made.clock.advance(10);
    assert.notEqual((await made.core.identities.jwtSvid("web", ["a"], signal)).token, first.token);
    made.server.deleteEntry("web");
    await made.clock.advance(10);
    await assert.rejects(made.core.identities.jwtSvid("web", ["a"], signal), { code: "ERR_ENTRY_GONE" });
    await made.stop();
  });

  it("with an id of their own are never the same twice", async () => {
    const made = await AgentWorld.create();
    const additionalAttributes = { disableX509SvidPrefetch: false, jwtSvidIncludeJti: true };
    made.server.putEntry({ ...web, additionalAttributes });
    await made.start();
    await made.core.identities.jwtSvid("web", ["a"], signal);
    await made.core.identities.jwtSvid("web", ["a"], signal);
    assert.equal(asked(made), 2);
    await made.stop();
  });

  it("in the cache are bounded", async () => {
    const made = await AgentWorld.create();
    made.overrides = { jwtCacheMaxSize: 5 };
    made.server.putEntry(web);
    await made.start();
    for (let index = 0; index < 20; index += 1) await made.core.identities.jwtSvid("web", [`a${index}`], signal);
    assert.equal(made.core.health().parts["jwt_svids"], "5");
    await made.core.identities.jwtSvid("web", ["a19"], signal);
    assert.equal(asked(made), 20);
    await made.core.identities.jwtSvid("web", ["a0"], signal);
    assert.equal(asked(made), 21);
    await made.stop();
  });
});

describe("a month", () => {
  it("of rotations on virtual time leaves nothing behind", async () => {
    const world = await AgentWorld.create();
    world.server.agentTtl = 86_400;
    world.server.x509Ttl = 4 * 86_400;
    for (let index = 0; index < 5; index += 1) {
      world.server.putEntry({ ...web, id: `e${index}`, spiffeId: `spiffe://example.org/${index}` });
    }
    await world.start();
    const watch = world.watch("unix:uid:1");
    await world.clock.advance(86_400_000);
    const timers = world.clock.pendingTimers;
    for (let day = 1; day < 30; day += 1) {
      if (day % 10 === 0) await world.server.rotateCa();
      if (day % 7 === 0) world.server.dropConnections();
      await world.clock.advance(86_400_000);
      assert.equal(watch.view.identities.length, 5);
      assert.ok(watch.view.identities.every(({ expiresAtMs }) => expiresAtMs > world.clock.now()));
    }
    assert.equal(world.failure, undefined);
    assert.ok(world.clock.pendingTimers <= timers + 1, `${timers} timers became ${world.clock.pendingTimers}`);
    assert.equal(world.server.streams, 1);
    assert.equal(world.core.health().parts["x509_svids"], "5");
    await world.stop();
    assert.ok(world.clock.pendingTimers <= 1, `${world.clock.pendingTimers} timers after the stop`);
  });
});
