import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Connected, connectionPaths } from "../../test/fakes/connection-paths.ts";
import { FakeClock, settle } from "../../test/fakes/fake-clock.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { WorkloadSide } from "../../test/fakes/workload-side.ts";
import type { CloseReason } from "../index.ts";

const minute = 60_000;
const cases: readonly (readonly [keyof typeof connectionPaths, "server" | "client", CloseReason])[] = [
  ["tls", "server", "peer-expired"],
  ["tls", "server", "own-expired"],
  ["tls", "client", "peer-expired"],
  ["tls", "client", "own-expired"],
  ["https", "server", "own-expired"],
  ["https", "client", "peer-expired"],
  ["http2", "server", "peer-expired"],
  ["http2", "client", "own-expired"],
  ["grpc", "server", "own-expired"],
  ["grpc", "client", "peer-expired"],
  ["source.fetch", "server", "peer-expired"],
  ["source.fetch", "client", "own-expired"],
];

/** Two workloads, of which one, with the short life, is seen by the other's clock. */
async function pair(
  ca: TestCa,
  watching: "server" | "client",
  clock: FakeClock,
  lifetimes: { readonly watching: number; readonly other: number },
): Promise<Record<"server" | "client", WorkloadSide>> {
  const watcher = await WorkloadSide.start(ca, "/watching", { clock, lifetimeMs: lifetimes.watching });
  const other = await WorkloadSide.start(ca, "/other", { lifetimeMs: lifetimes.other });
  return watching === "server" ? { server: watcher, client: other } : { server: other, client: watcher };
}

async function untilClosed(connected: Connected): Promise<void> {
  while (connected.isOpen()) await settle(1);
}

describe("closeWhen", () => {
  for (const [name, watching, reason] of cases) {
    it(`closes connections of ${name} on the ${watching}'s side when ${reason}, and no sooner`, async () => {
      const ca = await TestCa.create("one.test");
      const clock = new FakeClock(Date.now());
      const isPeer = reason === "peer-expired";
      const lives = isPeer ? { watching: 5 * minute, other: minute } : { watching: minute, other: 5 * minute };
      const { server, client } = await pair(ca, watching, clock, lives);
      const connect = async (closeWhen: readonly CloseReason[]): Promise<Connected> => {
        const connected = await connectionPaths[name](server, client, {
          server: {},
          client: {},
          [watching]: { closeWhen },
        });
        assert.equal(await connected.ask(), "x");
        return connected;
      };
      const watched = await connect([reason]);
      const unconcerned = await connect([isPeer ? "own-expired" : "peer-expired", "distrusted"]);
      const unwatched = await connect([]);
      const areOpen = (): readonly boolean[] => [watched, unconcerned, unwatched].map(({ isOpen }) => isOpen());
      await clock.advance(50_000);
      assert.deepEqual(areOpen(), [true, true, true]);
      await clock.advance(15_000);
      await untilClosed(watched);
      assert.deepEqual(areOpen(), [false, true, true]);
      for (const { end } of [watched, unconcerned, unwatched]) end();
      for (const side of [server, client]) await side[Symbol.asyncDispose]();
    });
  }

  it("looks at the whole path of a peer: its authority can expire before its SVID", async () => {
    const clock = new FakeClock(Date.now());
    const one = await TestCa.create("one.test");
    // It has a minute left, of its day.
    const two = await TestCa.create("two.test", Date.now() - 86_400_000 + minute);
    await using db = await WorkloadSide.start(one, "/db", { clock, others: [two] });
    await using web = await WorkloadSide.start(two, "/web", { others: [one] });
    const watched = await connectionPaths.tls(db, web, { server: { closeWhen: ["peer-expired"] }, client: {} });
    assert.equal(await watched.ask(), "x");
    await clock.advance(50_000);
    assert.equal(watched.isOpen(), true);
    await clock.advance(15_000);
    await settle(50);
    for (let turn = 0; turn < 30 && watched.isOpen(); turn += 1) await settle(50);
    assert.equal(watched.isOpen(), false);
    watched.end();
  });

  for (const [name, connect] of Object.entries(connectionPaths)) {
    it(`closes connections of ${name} whose peer's authority was withdrawn, and no others`, async () => {
      const one = await TestCa.create("one.test");
      const two = await TestCa.create("two.test");
      await using db = await WorkloadSide.start(one, "/db", { others: [two] });
      await using friend = await WorkloadSide.start(one, "/friend");
      await using stranger = await WorkloadSide.start(two, "/stranger", { others: [one] });
      const watch = { closeWhen: ["distrusted"] } as const;
      const kept = await connect(db, friend, { server: watch, client: {} });
      const ignored = await connect(db, stranger, { server: {}, client: {} });
      const byServer = await connect(db, stranger, { server: watch, client: {} });
      const byClient = await connect(stranger, db, { server: {}, client: watch });
      const all = [kept, ignored, byServer, byClient];
      for (const { ask } of all) assert.equal(await ask(), "x");
      await db.trust([two, await TestCa.create("three.test")]);
      await settle();
      // source.fetch gives its connections up at each change anyway.
      if (name !== "source.fetch")
        assert.deepEqual(
          all.map(({ isOpen }) => isOpen()),
          [true, true, true, true],
        );
      await db.trust([]);
      await untilClosed(byServer);
      await untilClosed(byClient);
      assert.deepEqual(
        [kept, ignored].map(({ isOpen }) => isOpen()),
        [true, true],
      );
      for (const { end } of all) end();
    });
  }
});
