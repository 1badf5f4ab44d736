import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { FakeClock, settle } from "../test/fakes/fake-clock.ts";
import { FakeWorkloadApi } from "../test/fakes/fake-workload-api.ts";
import { TestAuthority } from "../test/fakes/test-authority.ts";
import { TestCa } from "../test/fakes/test-ca.ts";
import { portOf, WorkloadSide } from "../test/fakes/workload-side.ts";
import {
  connectTls,
  createTlsServer,
  id,
  JwtSource,
  memberOf,
  type Observer,
  SpiffeId,
  TrustDomain,
  type WorkloadEvent,
} from "./index.ts";

const isWeb = { authorize: id("spiffe://one.test/web") };
const isDb = { authorize: id("spiffe://one.test/db") };
const host = "127.0.0.1";

function named<Name extends WorkloadEvent["name"]>(
  events: readonly WorkloadEvent[],
  name: Name,
): readonly Extract<WorkloadEvent, { readonly name: Name }>[] {
  return events.filter((event): event is Extract<WorkloadEvent, { readonly name: Name }> => event.name === name);
}

describe("an observer", () => {
  it("hears of SVIDs, of the source's state once per change, and of connections on both sides", async () => {
    const ca = await TestCa.create("one.test");
    const clock = new FakeClock(Date.now());
    const ofDb: WorkloadEvent[] = [];
    const ofWeb: WorkloadEvent[] = [];
    await using db = await WorkloadSide.start(ca, "/db", { observer: (event) => ofDb.push(event) });
    await using web = await WorkloadSide.start(ca, "/web", {
      ...{ clock, lifetimeMs: 60_000 },
      observer: (event) => ofWeb.push(event),
    });
    const server = createTlsServer(db.source, isWeb, (socket) => socket.resume());
    const port = await portOf(server);
    await connectTls(web.source, { host, port, ...isDb, closeWhen: ["own-expired"] });
    await assert.rejects(connectTls(web.source, { host, port, ...isWeb }), { code: "ERR_PEER_NOT_VERIFIED" });
    const refused = await connectTls(db.source, { host, port, ...isDb });
    await once(refused.resume(), "close");
    await db.rotate();
    await clock.advance(61_000);
    await db.withdraw();
    await settle();

    const updated = named(ofDb, "svid.updated");
    assert.deepEqual(
      updated.map((event) => event.id),
      ["spiffe://one.test/db", "spiffe://one.test/db"],
    );
    assert.notEqual(updated[0]?.serialNumber, updated[1]?.serialNumber);
    assert.deepEqual(
      named(ofDb, "source.state").map(({ source, isConnected, error }) => [
        source,
        isConnected,
        error !== undefined && "code" in error ? error.code : undefined,
      ]),
      [
        ["identity", true, undefined],
        ["identity", false, "ERR_WORKLOAD_API_DENIED"],
      ],
    );
    const ofServer = named(ofDb, "connection.accepted").filter(({ side }) => side === "server");
    assert.equal(ofServer[0]?.peer, "spiffe://one.test/web");
    assert.equal(ofServer[0]?.address, host);
    const [accepted] = named(ofWeb, "connection.accepted");
    assert.deepEqual([accepted?.side, accepted?.peer], ["client", "spiffe://one.test/db"]);
    assert.equal(accepted?.address, `${host}:${port}`);
    assert.equal(typeof accepted?.durationMs, "number");
    assert.deepEqual(
      named(ofWeb, "connection.refused").map(({ side, reason }) => [side, reason]),
      [["client", "ERR_PEER_NOT_VERIFIED"]],
    );
    assert.ok(named(ofDb, "connection.refused").some(({ reason }) => reason === "certificate-not-verified"));
    assert.deepEqual(
      named(ofWeb, "connection.closing").map(({ side, peer, reason }) => [side, peer, reason]),
      [["client", "spiffe://one.test/db", "own-expired"]],
    );
    server.close();
  });

  it("hears of JWT-SVIDs, without their tokens", async () => {
    const now = Math.floor(Date.now() / 1000);
    const lifetime = { notBeforeMs: Date.now() - 10_000, notAfterMs: Date.now() + 3_600_000 };
    const authority = new TestAuthority(TrustDomain.parse("one.test"), lifetime);
    const web = SpiffeId.parse("spiffe://one.test/web");
    await using api = await FakeWorkloadApi.start();
    const token = authority.jwtSvid(web, ["db"], now, now + 60);
    api.mint = (audience) => (audience.includes("db") ? [{ id: web, token, hint: "", audience, claims: {} }] : []);
    const events: WorkloadEvent[] = [];
    await using source = await JwtSource.open({ endpoint: api.endpoint, observer: (event) => events.push(event) });
    await source.svid({ audience: "db" });
    await source.svid({ audience: "db" });
    await assert.rejects(source.svid({ audience: "other" }), { code: "ERR_WORKLOAD_API_DENIED" });
    assert.deepEqual(
      named(events, "jwt.fetched").map((event) => [event.id, event.audience, event.expiresAt]),
      [["spiffe://one.test/web", ["db"], now + 60]],
    );
    assert.deepEqual(
      named(events, "jwt.failed").map((event) => event.audience),
      [["other"]],
    );
    assert.ok(!JSON.stringify(events).includes(token.slice(0, 20)));
  });

  it("that throws disturbs neither the source nor its connections", async () => {
    const ca = await TestCa.create("one.test");
    const observer: Observer = () => {
      throw new Error("broken log");
    };
    const warned = once(process, "warning");
    await using db = await WorkloadSide.start(ca, "/db", { observer });
    await using web = await WorkloadSide.start(ca, "/web", { observer });
    const server = createTlsServer(db.source, { authorize: memberOf("one.test") }, (socket) => socket.end("x"));
    const socket = await connectTls(web.source, { host, port: await portOf(server), ...isDb });
    assert.equal(String((await once(socket, "data"))[0]), "x");
    await db.rotate();
    assert.equal((await warned)[0].code, "COUNTERSIGN_HOOK_FAILED");
    server.close();
  });
});
