import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock, systemRandom } from "../../../runtime/core/index.ts";
import { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import { AgentStand } from "../../fakes/agent-stand.ts";
import { selectors } from "../../fakes/agent-world.ts";
import { FakeServer } from "../../fakes/fake-server-link.ts";

const trustDomain = TrustDomain.parse("example.org");
const uid = process.getuid?.() ?? 0;
const mine = { id: "web", spiffeId: "spiffe://example.org/web", selectors: selectors(`unix:uid:${uid}`) };
const polls = ({ server }: AgentStand): number => server.spire.calls.filter((call) => !call.startsWith("b")).length;

const syncIntervalMs = 30;

/** A server with SPIRE's RPCs and without our sync service, polled often. */
async function spireStand(): Promise<AgentStand> {
  const stand = await AgentStand.create();
  stand.server.pushes = false;
  stand.config = { ...stand.config, syncIntervalMs };
  return stand;
}

async function served(stand: AgentStand, ...paths: readonly string[]): Promise<void> {
  const wanted = paths.map((path) => `spiffe://example.org/${path}`).sort();
  let last: readonly string[] = [];
  for (let attempt = 0; attempt < 600; attempt += 1) {
    last = [...(await stand.fetch().catch(() => []))].sort();
    if (last.join() === wanted.join()) return;
    await systemClock.sleep(10);
  }
  assert.deepEqual(last, wanted);
}

describe("an agent under a server with SPIRE's RPCs", () => {
  it("serves small sets, tells its version, and asks for no more than it needs", async () => {
    await using stand = await spireStand();
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    assert.equal(stand.server.spire.version, "test");
    const batches = stand.server.batchSizes.length;
    const before = polls(stand);
    await stand.until("five polls", () => polls(stand) >= before + 5);
    assert.equal(stand.server.batchSizes.length, batches);
  });

  it("pages large sets by revision, whatever comes unasked or not at all", async () => {
    await using stand = await spireStand();
    const { spire } = stand.server;
    spire.pageSize = 3;
    for (let index = 0; index < 10; index += 1) {
      stand.server.putEntry({ ...mine, id: `e${index}`, spiffeId: `spiffe://example.org/${index}` });
    }
    spire.omitted.add("e0");
    spire.unasked.push({ id: "nobody-asked" });
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "1", "2", "3", "4", "5", "6", "7", "8", "9");
    spire.omitted.clear();
    await served(stand, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9");
    spire.asked.length = 0;
    stand.server.putEntry({ ...mine, id: "e4", spiffeId: "spiffe://example.org/four" });
    await served(stand, "0", "1", "2", "3", "5", "6", "7", "8", "9", "four");
    assert.deepEqual(spire.asked, [["e4"]]);
  });

  it("asks by GetAuthorizedEntries where there is no other way", async () => {
    await using stand = await spireStand();
    stand.server.spire.hasSync = false;
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    assert.ok(stand.server.spire.calls.includes("get"));
  });

  it("takes an answer that ends early, or never, for none", async () => {
    await using stand = await spireStand();
    const { spire } = stand.server;
    spire.pageSize = 2;
    for (const id of ["a", "b", "c"]) stand.server.putEntry({ ...mine, id, spiffeId: `spiffe://example.org/${id}` });
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "a", "b", "c");
    spire.cutShort = true;
    await stand.until("the short answer", () => !spire.cutShort);
    spire.isEndless = true;
    const before = polls(stand);
    await stand.until("endless answers", () => polls(stand) >= before + 2);
    assert.equal((await stand.fetch()).length, 3);
    spire.isEndless = false;
    stand.server.deleteEntry("c");
    await served(stand, "a", "b");
  });

  it("leaves out an entry that makes no sense and serves the others; what was there of it stays", async () => {
    await using stand = await spireStand();
    const { spire } = stand.server;
    stand.server.putEntry(mine);
    stand.server.putEntry({ ...mine, id: "odd", spiffeId: "spiffe://example.org/odd" });
    spire.raw.set("odd", { id: "odd", spiffe_id: { trust_domain: "example.org", path: "no-slash" } });
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    // No parent, no creation time: masked, as an agent may ask.
    spire.raw.set("odd", {
      id: "odd",
      spiffe_id: { trust_domain: "spiffe://example.org", path: "/odd" },
      selectors: [{ type: "unix", value: `uid:${uid}` }],
    });
    await served(stand, "odd", "web");
    spire.raw.set("odd", { id: "odd", revision_number: 7 });
    const before = polls(stand);
    await stand.until("two more polls", () => polls(stand) >= before + 2);
    await served(stand, "odd", "web");
  });

  it("goes on when the server refuses one entry's SVID", async () => {
    await using stand = await spireStand();
    stand.server.putEntry(mine);
    stand.server.putEntry({ ...mine, id: "no", spiffeId: "spiffe://example.org/no" });
    stand.server.refused.add("no");
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
  });

  it("gives a server that has too much to do a rest, and then goes on", async () => {
    await using stand = await spireStand();
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    stand.server.spire.exhausted = 1;
    await stand.until("the refusal", () => stand.server.spire.exhausted === 0);
    const [after, refusedMs] = [polls(stand), systemClock.monotonic()];
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
    await stand.until("the next call", () => polls(stand) > after);
    assert.ok(systemClock.monotonic() - refusedMs > 10 * syncIntervalMs, "it rests for longer than between two polls");
  });

  it("keeps what a failing federated bundle was, and fetches only what entries need", async () => {
    await using stand = await spireStand();
    const { x509Authorities } = stand.server.issuer.bundle();
    const domains = ["a.test", "b.test"].map((name) => TrustDomain.parse(name));
    for (const domain of domains) stand.server.putBundle(SpiffeBundle.of(domain, { x509Authorities }));
    stand.server.failingBundles.add("b.test");
    stand.server.putEntry({ ...mine, federatesWith: [...domains, TrustDomain.parse("none.test")] });
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    const { calls } = stand.server.spire;
    await stand.until("both are asked for", () => calls.includes("bundle a.test") && calls.includes("bundle b.test"));
    stand.server.putEntry({ ...mine, federatesWith: [] });
    const before = polls(stand);
    await stand.until("polls without them", () => polls(stand) >= before + 3);
    calls.length = 0;
    await stand.until("polls without them", () => polls(stand) >= 2);
    assert.deepEqual(
      calls.filter((call) => call.startsWith("bundle")),
      [],
    );
  });

  it("outlives a server that goes away and comes back on the same address", async () => {
    await using stand = await spireStand();
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    await stand.replaceServer(stand.server);
    stand.server.putEntry({ ...mine, id: "more", spiffeId: "spiffe://example.org/more" });
    await served(stand, "more", "web");
  });

  it("stops when it is banned, and stays when it is merely refused for no reason", async () => {
    await using stand = await spireStand();
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    stand.server.refuses = "unknown";
    const before = polls(stand);
    await stand.until("refusals", () => polls(stand) >= before + 2);
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
    stand.server.refuses = undefined;
    const id = agent.state.agentId;
    assert.ok(id !== undefined);
    stand.server.ban(id);
    await assert.rejects(agent.ended, { code: "ERR_AGENT_BANNED" });
  });
});

describe("a server that comes back with other authorities", () => {
  async function lostServer(mode: "never" | "auto", canReattest = true) {
    const stand = await spireStand();
    const path = join(stand.folder, "bootstrap.json");
    await writeFile(path, stand.server.issuer.bundle().toJwks());
    stand.server.canReattest = canReattest;
    stand.server.putEntry(mine);
    const rebootstrap = { mode, delayMs: 50 };
    stand.config = { ...stand.config, bootstrap: { kind: "file", path }, rebootstrap };
    const next = await FakeServer.create(trustDomain, systemClock, systemRandom);
    next.pushes = false;
    next.canReattest = true;
    next.putEntry({ ...mine, spiffeId: "spiffe://example.org/next", createdAt: 1 });
    return { stand, next, publish: () => writeFile(path, next.issuer.bundle().toJwks()) };
  }

  it("is refused for ever under `never`, and valid SVIDs are served on", async () => {
    const { stand: made, next, publish } = await lostServer("never");
    await using stand = made;
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    await publish();
    await stand.replaceServer(next);
    await stand.until("the agent comes again and again", () => stand.warnings("ERR_PEER_NOT_VERIFIED") >= 3);
    assert.deepEqual(next.log, []);
    assert.deepEqual(next.spire.calls, []);
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
  });

  it("is accepted under `auto` once the bootstrap bundle names its authority", async () => {
    const { stand: made, next, publish } = await lostServer("auto");
    await using stand = made;
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    await publish();
    await stand.replaceServer(next);
    await served(stand, "next");
    assert.deepEqual(next.log.slice(0, 1), ["attest"]);
  });

  it("is refused under `auto` while the bootstrap bundle is another's", async () => {
    const { stand: made, next } = await lostServer("auto");
    await using stand = made;
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    await stand.replaceServer(next);
    await stand.until("the agent comes again and again", () => stand.warnings("ERR_PEER_NOT_VERIFIED") >= 3);
    assert.deepEqual(next.log, []);
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
  });

  it("gets no token that is spent, under `auto`", async () => {
    const { stand: made, next, publish } = await lostServer("auto", false);
    await using stand = made;
    await using agent = await stand.start();
    await agent.ready;
    await served(stand, "web");
    await publish();
    await stand.replaceServer(next);
    await stand.until("the agent comes again and again", () => stand.warnings("ERR_PEER_NOT_VERIFIED") >= 3);
    assert.deepEqual(next.log, []);
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
  });

  it("ends an agent that cannot attest again, under `always`, before anything happens", async () => {
    await using stand = await spireStand();
    stand.config = { ...stand.config, rebootstrap: { mode: "always", delayMs: 50 } };
    await using agent = await stand.start();
    await assert.rejects(agent.ended, { code: "ERR_REBOOTSTRAP_UNSUPPORTED" });
  });
});
