import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { timeOutOnceRefused } from "../../test/fakes/time-out-once-refused.ts";
import { JwtSource, SpiffeId, TrustDomain, WorkloadApiClient } from "../index.ts";
import { workloadLimits } from "../limits.ts";

const lifetime = { notBeforeMs: 0, notAfterMs: Date.now() + 3_600_000 };
const authority = new TestAuthority(TrustDomain.parse("one.test"), lifetime);
const web = SpiffeId.parse("spiffe://one.test/web");
const db = SpiffeId.parse("spiffe://one.test/db");

/** An agent that mints tokens of `lifeSeconds` by the given clock. */
async function agent(clock: FakeClock, lifeSeconds = 60): Promise<FakeWorkloadApi> {
  const api = await FakeWorkloadApi.start();
  api.mint = (audience, spiffeId) =>
    [web, db]
      .filter((id) => spiffeId === "" || spiffeId === id.toString())
      .map((id) => {
        const now = Math.floor(clock.now() / 1000);
        return { id, token: authority.jwtSvid(id, audience, now, now + lifeSeconds), hint: "", audience, claims: {} };
      });
  return api;
}

function changed(source: JwtSource): Promise<void> {
  return new Promise((resolve) => {
    const stop = source.onChange(() => {
      stop();
      resolve();
    });
  });
}

async function problem(source: JwtSource): Promise<string> {
  while (source.health.lastProblem === undefined) await new Promise((resolve) => setImmediate(resolve));
  return source.health.lastProblem.code;
}

describe("JwtSource", () => {
  it("fetches a token per audience and identity once, however many ask at once", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    await using source = await JwtSource.open({ endpoint: api.endpoint, clock });
    assert.equal(api.jwtCalls, 0);
    const [first, same, reordered, other] = await Promise.all([
      source.svid({ audience: ["a", "b"] }),
      source.svid({ audience: ["a", "b"] }),
      source.svid({ audience: ["b", "a", "b"] }),
      source.svid({ audience: ["a", "b"], spiffeId: db }),
    ]);
    assert.equal(api.jwtCalls, 2);
    assert.equal(first, same);
    assert.equal(first, reordered);
    assert.equal(first.id.toString(), web.toString());
    assert.equal(other.id.toString(), db.toString());
    await assert.rejects(source.svid({ audience: [] }), TypeError);
    await assert.rejects(source.svid({ audience: "" }), TypeError);
  });

  it("shows a token nowhere but through reveal()", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    await using source = await JwtSource.open({ endpoint: api.endpoint, clock, audiences: ["a"] });
    const svid = await source.svid({ audience: "a" });
    const token = svid.token.reveal();
    assert.equal(token.split(".").length, 3);
    for (const shown of [
      inspect(svid, { depth: 9 }),
      inspect(source, { depth: 9, showHidden: true }),
      `${svid.token}`,
      JSON.stringify(svid),
    ])
      assert.ok(!shown.includes(token.slice(0, 20)), shown);
    api.mint = (audience) => [
      { id: db, token: authority.jwtSvid(web, audience, 0, 1), hint: "", audience, claims: {} },
    ];
    await assert.rejects(source.svid({ audience: "b" }), (error) => {
      assert.ok(error instanceof Error);
      assert.equal(Reflect.get(error, "code"), "ERR_WORKLOAD_API_MALFORMED");
      assert.ok(!inspect(error, { depth: 9 }).includes("eyJ"));
      return true;
    });
  });

  it("renews what is used at half of its life, and only that", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    await using source = await JwtSource.open({ endpoint: api.endpoint, clock });
    const first = await source.svid({ audience: "used" });
    await source.svid({ audience: "unused" });
    await source.svid({ audience: "used" });
    const renewed = changed(source);
    await clock.advance(30_000);
    await renewed;
    const second = await source.svid({ audience: "used" });
    assert.ok(second.expiresAt > first.expiresAt);
    assert.equal(api.jwtCalls, 3);
  });

  it("serves the last token through an outage, then fails closed, then recovers", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    await using source = await JwtSource.open({ endpoint: api.endpoint, clock, audiences: ["a"] });
    const first = await source.svid({ audience: "a" });
    await api.disappear();
    await clock.advance(30_000);
    assert.equal(await problem(source), "ERR_WORKLOAD_API_UNAVAILABLE");
    assert.equal(await source.svid({ audience: "a" }), first);
    await clock.advance(30_000);
    await assert.rejects(source.svid({ audience: "a" }), { code: "ERR_SOURCE_EXPIRED" });
    await api.listen();
    assert.notEqual(await source.svid({ audience: "a" }), first);
    assert.equal(source.health.isConnected, true);
  });

  it("drops a token that is denied at its renewal", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    await using source = await JwtSource.open({ endpoint: api.endpoint, clock, audiences: ["a"] });
    api.mint = () => [];
    const withdrawn = changed(source);
    await clock.advance(30_000);
    await withdrawn;
    await assert.rejects(source.svid({ audience: "a" }), { code: "ERR_WORKLOAD_API_DENIED" });
  });

  it("is not spoilt by an audience that is denied, nor by callers that had given up already", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    const mint = api.mint;
    await using source = await JwtSource.open({ endpoint: api.endpoint, clock, audiences: ["a"] });
    api.mint = (audience, spiffeId) => (audience.includes("denied") ? [] : (mint?.(audience, spiffeId) ?? []));
    await assert.rejects(source.svid({ audience: "denied" }), { code: "ERR_WORKLOAD_API_DENIED" });
    await assert.rejects(source.svid({ audience: "b", signal: AbortSignal.abort() }), { name: "AbortError" });
    await clock.advance(1_000);
    assert.deepEqual(source.health, { isConnected: true, ageMs: 1_000, lastProblem: undefined });
    await assert.rejects(source.svid({ audience: "denied" }), { code: "ERR_WORKLOAD_API_DENIED" });
    // A token that is denied at its renewal is gone, and so is what was wrong with it.
    await source.svid({ audience: "c" });
    await source.svid({ audience: "c" });
    api.mint = (audience, spiffeId) => (audience.includes("c") ? [] : (mint?.(audience, spiffeId) ?? []));
    const renewed = [changed(source)];
    await clock.advance(31_000);
    await Promise.all(renewed);
    await assert.rejects(source.svid({ audience: "c" }), { code: "ERR_WORKLOAD_API_DENIED" });
    assert.equal(source.health.isConnected, true);
  });

  it("tells the age of a token that is still to come from when it was asked for", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    await using source = await JwtSource.open({ endpoint: api.endpoint, clock });
    const coming = source.svid({ audience: "a" });
    assert.equal(source.health.ageMs, 0);
    await coming;
  });

  it("keeps so many tokens; what gives way is still fetched for those who wait, until the source is closed", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    await using client = WorkloadApiClient.create({ endpoint: api.endpoint });
    const source = await JwtSource.open({ client, clock, audiences: ["pinned"] });
    const mint = api.mint;
    const release = new Map<string, () => void>();
    api.mint = async (audience, spiffeId) => {
      const name = audience.join();
      if (name.startsWith("held")) await new Promise<void>((resolve) => release.set(name, resolve));
      return mint?.(audience, spiffeId) ?? [];
    };
    const others = workloadLimits.jwtCacheEntries.value - 1;
    const [many, few] = [others - 5, 5];
    const ask = (from: number, count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, (_, index) => source.svid({ audience: `other ${from + index}` })));
    for (let at = 0; at < many; at += 100) await ask(at, Math.min(100, many - at));
    // The real time runs out for those that are held: only what is kept, and a few more, are asked for meanwhile.
    const held = ["held 1", "held 2"].map((audience) => source.svid({ audience }));
    const lost = assert.rejects(held[1] ?? Promise.resolve(), { code: "ERR_SOURCE_CLOSED" });
    await ask(0, many);
    await ask(many, few);
    assert.equal(clock.pendingTimers, others + 1);
    release.get("held 1")?.();
    assert.deepEqual((await held[0])?.audience, ["held 1"]);
    assert.equal(clock.pendingTimers, others + 1);
    const { jwtCalls } = api;
    await source.svid({ audience: "pinned" });
    await source.svid({ audience: "other 0" });
    assert.equal(api.jwtCalls, jwtCalls);
    await source.close();
    await lost;
    assert.equal(clock.pendingTimers, 0);
  });

  it("refuses what is not what it asked for", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    await using source = await JwtSource.open({ endpoint: api.endpoint, clock });
    const now = Math.floor(clock.now() / 1000);
    for (const [id, audience, expiresAt] of [
      [web, ["other"], now + 60],
      [db, ["a"], now + 60],
      [web, ["a"], now - 1],
    ] as const) {
      const token = authority.jwtSvid(id, audience, now - 60, expiresAt);
      api.mint = () => [{ id: web, token, hint: "", audience, claims: {} }];
      await assert.rejects(source.svid({ audience: "a" }), { code: "ERR_WORKLOAD_API_MALFORMED" });
    }
  });

  it("says at opening for which audience no token came", async () => {
    await using api = await FakeWorkloadApi.start();
    await assert.rejects(
      JwtSource.open({ endpoint: api.endpoint, audiences: ["db"], ...timeOutOnceRefused() }),
      (error) => {
        assert.ok(error instanceof Error && error.cause instanceof Error);
        assert.equal(Reflect.get(error, "code"), "ERR_SOURCE_TIMEOUT");
        assert.match(error.message, /no JWT-SVID for db came within 30000 ms/);
        assert.match(error.cause.message, /no identity issued/);
        return true;
      },
    );
  });

  it("lets a caller give up alone, and everybody when it is closed", async () => {
    const clock = new FakeClock();
    await using api = await agent(clock);
    const source = await JwtSource.open({ endpoint: api.endpoint, clock });
    const enough = new Error("enough");
    const stop = new AbortController();
    const impatient = source.svid({ audience: "a", signal: stop.signal });
    const patient = source.svid({ audience: "a" });
    stop.abort(enough);
    await assert.rejects(impatient, enough);
    assert.deepEqual((await patient).audience, ["a"]);
    const late = source.svid({ audience: "b" });
    await Promise.all([assert.rejects(late, { code: "ERR_SOURCE_CLOSED" }), source.close()]);
    await assert.rejects(source.svid({ audience: "a" }), { code: "ERR_SOURCE_CLOSED" });
  });
});
