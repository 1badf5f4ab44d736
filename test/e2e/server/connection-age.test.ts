import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bundleService, entryService, syncService } from "../../../proto/services.ts";
import { systemClock } from "../../../runtime/core/index.ts";
import { System } from "../../env/system.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { TestServer } from "../../fakes/test-server.ts";

describe("a connection that has reached its age", () => {
  it("is left for a new one; no call fails, and streams under way go on to their end", async () => {
    await using world = await TestServer.start({ config: { connectionAge: { usualMs: 1_000, syncMs: 60_000 } } });
    const agent = await world.agent();
    const entries = Array.from({ length: 501 }, (_, n) => ({
      spiffe_id: { trust_domain: "example.org", path: `/w/${n}` },
      parent_id: { trust_domain: "example.org", path: agent.svid.id.path },
      selectors: [{ type: "unix", value: `uid:${n}` }],
    }));
    const { results } = await world.admin.unary(entryService.BatchCreateEntry, { entries });
    const first = results[0]?.entry?.id ?? "";
    const calls = world.dialAs(agent);
    const poll = world.dialAs(agent).bidi(entryService.SyncAuthorizedEntries);
    poll.send({});
    const pages = poll.responses[Symbol.asyncIterator]();
    for (let more = true; more; ) more = (await pages.next()).value?.more === true;
    const pushed = world.dialAs(agent).bidi(syncService.Open);
    pushed.send({ hello: { protocol: 1 } });
    const pushes = pushed.responses[Symbol.asyncIterator]();
    await pushes.next();

    const before = world.connections;
    const moved = (): number => world.connections - before;
    const call = async (): Promise<void> => {
      while (moved() < 2) {
        await calls.unary(bundleService.GetBundle, {});
        await systemClock.sleep(2);
      }
    };
    await Promise.all([call(), call(), call()]);

    poll.send({ ids: [first] });
    assert.deepEqual((await pages.next()).value?.entries[0]?.id, first);
    poll.end();
    assert.equal((await pages.next()).done, true);
    const waiting = pushes.next();
    const late = await world.createEntry(agent, "/late");
    for (let message = await waiting; ; message = await pushes.next()) {
      assert.notEqual(message.done, true, "the sync stream has its own age");
      if (
        message.value?.page?.resources.some(
          ({ entry }: { readonly entry?: { readonly id: string } | null }) => entry?.id === late,
        )
      )
        break;
    }
    pushed.cancel();
  });

  it("is left before the SVID that its caller came with has expired", async () => {
    const clock = new FakeClock(systemClock.now());
    const ttls = { agent: 50, x509Svid: 3_600, jwtSvid: 300, ca: 86_400 };
    const connectionAge = { usualMs: 3_600_000, syncMs: 3_600_000 };
    await using world = await TestServer.start({ clock, config: { ttls, connectionAge } });
    const calls = world.dialAs(await world.agent());
    await calls.unary(bundleService.GetBundle, {});
    const before = world.connections;
    await clock.advance(25_000);
    await calls.unary(bundleService.GetBundle, {});
    assert.equal(world.connections, before);
    await clock.advance(20_000);
    while (world.connections === before) await calls.unary(bundleService.GetBundle, {});
  });

  it("moves an agent's sync stream: the new one is there before the old one is left", async () => {
    await using system = await System.start({ settings: { max_sync_connection_age: "1s" } });
    const agent = await system.startAgent();
    const moved = (): number =>
      agent.running.log.filter(({ message }) => message === "moved to a new connection").length;
    await agent.running.waitFor(() => moved() >= 2, 20_000);
    await system.createEntry(agent, { path: "/served", flags: ["--wait"] });
    const messages = agent.running.log.map(({ message }) => message);
    assert.ok(!messages.includes("connection to the server lost"), agent.running.tail());
  });
});
