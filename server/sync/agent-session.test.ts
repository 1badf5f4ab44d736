import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EntrySetDigest } from "../../proto/domain/digest.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { SyncAck, SyncHello, SyncMessage, SyncPage, SyncStatus } from "../../proto/domain/link.ts";
import { Selector, SpiffeBundle, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { FakeClock, settle } from "../../test/fakes/fake-clock.ts";
import { FakeRegistry } from "../../test/fakes/fake-registry.ts";
import { agentId, entryItem, entryOf, exampleTrustDomain, nodeItem, nodeOf } from "../../test/fakes/server-values.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { AgentSession, ConnectionTable, waitApplied } from "./index.ts";

const authority = new TestAuthority(exampleTrustDomain, { notBeforeMs: 0, notAfterMs: 4e12 });

class World {
  readonly clock = new FakeClock();
  readonly registry = new FakeRegistry();
  readonly connections = new ConnectionTable({ registry: this.registry, clock: this.clock });
  readonly synced: string[] = [];

  constructor() {
    this.registry.apply(
      { type: "bundle", key: exampleTrustDomain.name, value: authority.bundle() },
      nodeItem(nodeOf("a")),
    );
  }

  connect(hello: Partial<SyncHello> = {}, name = "a"): Connected {
    return new Connected(this, { protocol: 1, capabilities: [], held: [], agentVersion: "1.0", ...hello }, name);
  }

  wait(entryIds: readonly string[], timeoutMs = 10_000, signal = new AbortController().signal) {
    const { registry, connections, clock } = this;
    return waitApplied(
      { registry, authorized: registry, feed: registry, connections, clock },
      entryIds,
      timeoutMs,
      signal,
    );
  }
}

/** The agent's end: collects pages, may stall, acknowledges when told to. */
class Connected {
  readonly received: SyncMessage[] = [];
  readonly session: AgentSession;
  readonly over: Promise<unknown>;
  readonly #abort = new AbortController();
  #stalled: PromiseWithResolvers<void> | undefined;
  #inbox: (SyncAck | SyncStatus)[] = [];
  #heard = Promise.withResolvers<void>();
  #ended = false;

  constructor(world: World, hello: SyncHello, name: string) {
    const { registry, connections, clock } = world;
    this.session = new AgentSession(agentId(name), {
      trustDomain: exampleTrustDomain,
      registry,
      authorized: registry,
      feed: registry,
      connections,
      clock,
      serverId: "s1",
      serverVersion: "0.1.0",
      statusIntervalSeconds: 30,
      onSynced: (kind) => void world.synced.push(kind),
    });
    this.over = this.session
      .run(hello, this.#inbound(), (message) => this.#take(message), this.#abort.signal)
      .then(
        () => "ok",
        (error: unknown) => error,
      );
  }

  async *#inbound(): AsyncGenerator<SyncAck | SyncStatus> {
    while (!this.#ended) {
      const message = this.#inbox.shift();
      if (message !== undefined) yield message;
      else {
        await this.#heard.promise;
        this.#heard = Promise.withResolvers();
      }
    }
  }

  async #take(message: SyncMessage): Promise<void> {
    await this.#stalled?.promise;
    this.received.push(message);
  }

  stall(): void {
    this.#stalled = Promise.withResolvers();
  }

  resume(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  say(message: SyncAck | SyncStatus): void {
    this.#inbox.push(message);
    this.#heard.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#heard.resolve();
  }

  drop(): void {
    this.#abort.abort(new Error("connection lost"));
  }

  pages(type: string): readonly SyncPage[] {
    return this.received.flatMap((message) => (message.kind === "page" && message.type === type ? [message] : []));
  }

  /** The entries an agent would hold, by its pages alone. */
  held(): ReadonlyMap<string, RegistrationEntry> {
    const held = new Map<string, RegistrationEntry>();
    for (const page of this.pages("entry")) {
      if (page.snapshotStart) held.clear();
      for (const one of page.resources) if (one.kind === "entry") held.set(one.entry.id, one.entry);
      for (const key of page.removed) held.delete(key);
    }
    return held;
  }

  acknowledge(pendingEntryIds: readonly string[] = []): void {
    const last = this.pages("entry").findLast((page) => page.last);
    assert.ok(last !== undefined);
    this.say({ kind: "ack", type: "entry", position: last.position, pendingEntryIds });
  }
}

function digestOf(entries: Iterable<RegistrationEntry>): string {
  const digest = new EntrySetDigest();
  for (const entry of entries) digest.toggle(entry);
  return digest.hex();
}

describe("AgentSession", () => {
  it("welcomes, then sends config, bundle, distrust and the entries as a snapshot with its digest", async () => {
    const world = new World();
    world.registry.apply(entryItem(entryOf("e1", "a")), entryItem(entryOf("other", "b")));
    const agent = world.connect();
    await settle();
    const [welcome, ...pages] = agent.received;
    assert.deepEqual(welcome, {
      kind: "welcome",
      protocol: 1,
      capabilities: [],
      serverVersion: "0.1.0",
      serverId: "s1",
    });
    assert.deepEqual(
      pages.map((page) =>
        page.kind === "page" ? [page.type, page.snapshotStart, page.last, page.resources.length] : [],
      ),
      [
        ["config", true, true, 1],
        ["distrust", true, true, 0],
        ["bundle", true, true, 1],
        ["entry", true, true, 1],
      ],
    );
    assert.deepEqual([...agent.held().keys()], ["e1"]);
    assert.equal(agent.pages("entry")[0]?.digest, digestOf(agent.held().values()));
    assert.deepEqual(agent.pages("entry")[0]?.position, world.registry.position);
    assert.deepEqual(world.synced, ["snapshot"]);
  });

  it("sends an empty snapshot to an agent without entries, so that it forgets what it holds", async () => {
    const agent = new World().connect();
    await settle();
    assert.deepEqual(
      agent.pages("entry").map(({ snapshotStart, last, resources }) => [snapshotStart, last, resources.length]),
      [[true, true, 0]],
    );
  });

  it("pushes creation, change and deletion as deltas", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    const entry = entryOf("e1", "a");
    const created = world.registry.apply(entryItem(entry));
    await settle();
    assert.deepEqual(agent.pages("entry").at(-1)?.position, created);
    world.registry.apply(entryItem({ ...entry, revisionNumber: 1, hint: "h" }));
    await settle();
    assert.equal(agent.held().get("e1")?.hint, "h");
    assert.equal(agent.pages("entry").at(-1)?.digest, digestOf(agent.held().values()));
    world.registry.apply({ type: "entry", key: "e1", value: undefined });
    await settle();
    assert.equal(agent.held().size, 0);
    assert.equal(agent.pages("entry").at(-1)?.digest, digestOf([]));
    assert.equal(agent.pages("entry").filter(({ snapshotStart }) => snapshotStart).length, 1);
  });

  it("says nothing to an agent whom a change does not concern", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    const before = agent.received.length;
    world.registry.apply(entryItem(entryOf("e1", "b")), nodeItem(nodeOf("b")));
    await settle();
    assert.equal(agent.received.length, before);
  });

  it("cuts large sets into pages of 500, applied at the last, and orders them by creation", async () => {
    const world = new World();
    const items = Array.from({ length: 1_201 }, (_, n) => entryItem(entryOf(`e${n}`, "a", { createdAt: 5_000 - n })));
    world.registry.apply(...items);
    const agent = world.connect();
    await settle();
    const pages = agent.pages("entry");
    assert.deepEqual(
      pages.map((page) => [page.resources.length, page.snapshotStart, page.last, page.digest !== undefined]),
      [
        [500, true, false, false],
        [500, false, false, false],
        [201, false, true, true],
      ],
    );
    const [first] = pages[0]?.resources ?? [];
    assert.equal(first?.kind === "entry" ? first.entry.id : "", "e1200");
  });

  it("cuts pages by size too", async () => {
    const world = new World();
    const hint = "x".repeat(1_000);
    world.registry.apply(
      ...Array.from({ length: 490 }, (_, n) =>
        entryItem(entryOf(`e${n}`, "a", { hint, dnsNames: [`${"d".repeat(2_500)}.test`] })),
      ),
    );
    const agent = world.connect();
    await settle();
    assert.ok(agent.pages("entry").length >= 2);
    assert.equal(agent.held().size, 490);
  });

  it("merges what changes while the agent is slow, holding at most one set of changes", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    const start = agent.pages("entry").length;
    agent.stall();
    world.registry.apply(entryItem(entryOf("first", "a")));
    await settle();
    for (let n = 0; n < 1_000; n += 1) {
      world.registry.apply(entryItem(entryOf("e1", "a", { revisionNumber: n })));
      world.registry.apply(entryItem(entryOf("gone", "a")));
      world.registry.apply({ type: "entry", key: "gone", value: undefined });
    }
    await settle();
    assert.equal(agent.session.queued, 2);
    agent.resume();
    await settle();
    assert.equal(agent.pages("entry").length - start, 2);
    assert.deepEqual([...agent.held().keys()], ["first", "e1"]);
    assert.equal(agent.held().get("e1")?.revisionNumber, 999);
    assert.equal(agent.pages("entry").at(-1)?.digest, digestOf(agent.held().values()));
    assert.deepEqual(agent.pages("entry").at(-1)?.position, world.registry.position);
  });

  it("sends a federated bundle before the entry that needs it, and takes it back with the last such entry", async () => {
    const world = new World();
    const foreign = TrustDomain.parse("other.test");
    const bundle = new TestAuthority(foreign, { notBeforeMs: 0, notAfterMs: 4e12 }).bundle();
    world.registry.apply({ type: "bundle", key: "other.test", value: bundle });
    const agent = world.connect();
    await settle();
    const before = agent.received.length;
    world.registry.apply(entryItem(entryOf("e1", "a", { federatesWith: [foreign] })));
    await settle();
    assert.deepEqual(
      agent.received.slice(before).map((page) => (page.kind === "page" ? page.type : "")),
      ["bundle", "entry"],
    );
    world.registry.apply({ type: "entry", key: "e1", value: undefined });
    await settle();
    assert.deepEqual(agent.pages("bundle").at(-1)?.removed, ["other.test"]);
  });

  it("sends which authorities are distrusted, then the changed own bundle", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    const certificate = authority.certificate;
    const before = agent.received.length;
    const tainted = SpiffeBundle.of(exampleTrustDomain, { x509Authorities: [{ certificate, tainted: true }] });
    world.registry.apply({ type: "bundle", key: exampleTrustDomain.name, value: tainted });
    await settle();
    assert.equal(agent.pages("bundle").length, 2);
    assert.deepEqual(agent.pages("distrust").at(-1)?.resources, [
      { kind: "distrust", authorityId: certificate.subjectKeyId, authority: "x509", spreadMs: 1 },
    ]);
    assert.deepEqual(
      agent.received.slice(before).map((page) => (page.kind === "page" ? page.type : "")),
      ["distrust", "bundle"],
    );
  });

  it("knows that an agent has replaced what a distrusted authority signed when it has said so, and not before", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    const { certificate } = authority;
    const ids = new Set([certificate.subjectKeyId ?? ""]);
    const say = async (pendingEntryIds: readonly string[]): Promise<boolean> => {
      const position = agent.pages("distrust").at(-1)?.position;
      assert.ok(position !== undefined);
      agent.say({ kind: "ack", type: "distrust", position, pendingEntryIds });
      await settle();
      return agent.session.hasReplaced(ids);
    };
    assert.equal(await say([]), false, "was not told of it");
    const tainted = SpiffeBundle.of(exampleTrustDomain, { x509Authorities: [{ certificate, tainted: true }] });
    world.registry.apply({ type: "bundle", key: exampleTrustDomain.name, value: tainted });
    await settle();
    assert.equal(agent.session.hasReplaced(ids), false, "has acknowledged what was before");
    assert.equal(await say(["e1"]), false, "an SVID is still there");
    assert.equal(await say([]), true);
    assert.equal(agent.session.hasReplaced(new Set([...ids, "other"])), false);
  });

  it("asks for more time when more SVIDs are to be replaced, up to a limit", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    for (const [x509Svids, expected] of [
      [999, 1_000],
      [1_000_000, 30_000],
    ] as const) {
      agent.say({ kind: "status", x509Svids, jwtSvids: 0, workloadStreams: 0 });
      await settle();
      assert.equal(world.connections.replacementSpreadMs(), expected);
    }
    agent.end();
    await agent.over;
    assert.equal(world.connections.replacementSpreadMs(), 0);
  });

  it("ends with OK when the agent ends it, and with the reason when the connection is lost", async () => {
    const world = new World();
    const first = world.connect();
    await settle();
    first.end();
    assert.equal(await first.over, "ok");
    const second = world.connect();
    await settle();
    second.drop();
    assert.match(String(await second.over), /connection lost/);
    assert.equal(world.connections.list()[0]?.connected, false);
  });

  it("ends a stream whose reader stalls for ever", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    agent.stall();
    world.registry.apply(entryItem(entryOf("e1", "a")));
    await settle();
    agent.drop();
    assert.match(String(await agent.over), /connection lost/);
  });

  it("lets a newer stream of the same agent take over once it is welcomed", async () => {
    const world = new World();
    const first = world.connect();
    await settle();
    const second = world.connect();
    await settle();
    assert.equal(Reflect.get(Object(await first.over), "code"), "ERR_SYNC_REPLACED");
    assert.equal(second.received[0]?.kind, "welcome");
    world.registry.apply(entryItem(entryOf("e1", "a")));
    await settle();
    assert.equal(second.held().size, 1);
    assert.equal(world.connections.list()[0]?.connected, true);
  });
});

describe("AgentSession: resumption", () => {
  async function resumed(world: World, n: number, epoch = "e1"): Promise<Connected> {
    const agent = world.connect({ held: [{ type: "entry", position: { epoch, n } }] });
    await settle();
    return agent;
  }

  it("sends only what changed since the position held", async () => {
    const world = new World();
    world.registry.apply(entryItem(entryOf("same", "a")), entryItem(entryOf("gone", "a")));
    const { n } = world.registry.position;
    world.registry.apply({ type: "entry", key: "gone", value: undefined }, entryItem(entryOf("new", "a")));
    world.registry.apply(entryItem(entryOf("foreign", "b")));
    const agent = await resumed(world, n);
    const [page] = agent.pages("entry");
    assert.deepEqual(
      page?.resources.map((one) => (one.kind === "entry" ? one.entry.id : "")),
      ["new"],
    );
    assert.deepEqual(page?.removed.toSorted(), ["foreign", "gone"]);
    assert.equal(page?.snapshotStart, false);
    assert.equal(page?.digest, digestOf(world.registry.authorizedEntries(agentId("a"))));
    assert.deepEqual(world.synced, ["resumed"]);
  });

  it("sends one empty page when nothing changed", async () => {
    const world = new World();
    const agent = await resumed(world, world.registry.position.n);
    assert.deepEqual(
      agent.pages("entry").map((page) => [page.snapshotStart, page.last, page.resources.length, page.removed.length]),
      [[false, true, 0, 0]],
    );
  });

  it("sends a snapshot for a foreign epoch, and behind the horizon", async () => {
    const world = new World();
    world.registry.apply(entryItem(entryOf("e1", "a")));
    assert.equal((await resumed(world, world.registry.position.n, "e0")).pages("entry")[0]?.snapshotStart, true);
    world.registry.log = world.registry.log.slice(-1);
    assert.equal((await resumed(world, 1)).pages("entry")[0]?.snapshotStart, true);
  });

  it("sends a snapshot when a change may have moved other entries in or out", async () => {
    const world = new World();
    const { n } = world.registry.position;
    world.registry.apply(nodeItem(nodeOf("a", { selectors: [Selector.parse("x509pop:subject:cn:a")] })));
    assert.equal((await resumed(world, n)).pages("entry")[0]?.snapshotStart, true);
  });

  it("needs no snapshot because the agent renewed its SVID or told its version", async () => {
    const world = new World();
    const { n } = world.registry.position;
    world.registry.apply(nodeItem(nodeOf("a", { serialNumber: "2", pendingSerialNumber: "3", agentVersion: "2" })));
    assert.equal((await resumed(world, n)).pages("entry")[0]?.snapshotStart, false);
  });

  it("catches up to a position ahead of its own, and gives up on one that never comes", async () => {
    const world = new World();
    const { n } = world.registry.position;
    const agent = world.connect({ held: [{ type: "entry", position: { epoch: "e1", n: n + 1 } }] });
    await settle();
    assert.equal(agent.received.length, 0);
    world.registry.apply(entryItem(entryOf("e1", "a")));
    await settle();
    assert.equal(agent.pages("entry")[0]?.snapshotStart, false);
    const impostor = world.connect({ held: [{ type: "entry", position: { epoch: "e1", n: 999_999 } }] });
    await world.clock.advance(2_001);
    assert.equal(impostor.pages("entry")[0]?.snapshotStart, true);
  });
});

describe("ConnectionTable", () => {
  it("knows what each agent acknowledged, its version and its status", async () => {
    const world = new World();
    world.registry.apply(nodeItem(nodeOf("b")), entryItem(entryOf("e1", "a")));
    const agent = world.connect();
    await settle();
    const [before] = world.connections.list();
    assert.equal(before?.acknowledged, undefined);
    agent.acknowledge();
    agent.say({ kind: "status", x509Svids: 1, jwtSvids: 2, workloadStreams: 3 });
    world.registry.apply(nodeItem(nodeOf("b", { agentVersion: "2" })));
    await settle();
    const [a, b] = world.connections.list();
    assert.deepEqual([a?.connected, a?.agentVersion, a?.status?.jwtSvids], [true, "1.0", 2]);
    assert.deepEqual(a?.acknowledged, world.registry.position);
    assert.equal(a?.lastSeen, Math.floor(world.clock.now() / 1000));
    assert.deepEqual([b?.connected, b?.lastSeen, b?.acknowledged], [false, 0, undefined]);
  });

  it("forgets an agent that is evicted", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    agent.end();
    await agent.over;
    world.registry.apply({ type: "node", key: agentId("a").toString(), value: undefined });
    world.registry.apply(nodeItem(nodeOf("a")));
    assert.equal(world.connections.list()[0]?.lastSeen, 0);
  });
});

describe("waitApplied()", () => {
  const states = (deliveries: readonly { readonly agentId: unknown; readonly state: string }[]) =>
    deliveries.map(({ agentId: id, state }) => [String(id).split("/").at(-1), state]);

  it("returns when the agent has applied the entry and holds its SVID", async () => {
    const world = new World();
    const agent = world.connect();
    await settle();
    world.registry.apply(entryItem(entryOf("e1", "a")));
    let done: unknown;
    const waiting = world.wait(["e1"]).then((result) => {
      done = result;
      return result;
    });
    await settle();
    agent.acknowledge(["e1"]);
    await settle();
    assert.equal(done, undefined);
    agent.acknowledge();
    assert.deepEqual(states(await waiting), [["a", "applied"]]);
    assert.equal(world.clock.pendingTimers, 0);
  });

  it("waits, of a node alias, for the entries below it, at the nodes that have its selectors", async () => {
    const world = new World();
    // The registry of this test knows no walk: the alias is the agent's own id.
    const above = { parentId: SpiffeId.of(exampleTrustDomain, "/spire/server"), spiffeId: agentId("a") };
    world.registry.apply(entryItem(entryOf("alias", "a", { ...above, selectors: [Selector.parse("node:one")] })));
    assert.deepEqual(await world.wait(["alias"]), []);
    const agent = world.connect();
    await settle();
    const node = { ...nodeOf("a"), selectors: [Selector.parse("node:one"), Selector.parse("node:two")] };
    world.registry.apply(nodeItem(node), entryItem(entryOf("below", "a")));
    let done: unknown;
    const waiting = world.wait(["alias"]).then((result) => {
      done = result;
      return result;
    });
    await settle();
    assert.equal(done, undefined);
    agent.acknowledge();
    assert.deepEqual(states(await waiting), [["a", "applied"]]);
  });

  it("names agents that are not connected without waiting for them, and says pending when time is over", async () => {
    const world = new World();
    world.registry.apply(nodeItem(nodeOf("b")), entryItem(entryOf("eb", "b")), entryItem(entryOf("ea", "a")));
    assert.deepEqual(states(await world.wait(["eb"])), [["b", "disconnected"]]);
    world.connect();
    await settle();
    const waiting = world.wait(["ea", "eb"], 1_000);
    await world.clock.advance(1_001);
    assert.deepEqual(states(await waiting), [
      ["a", "pending"],
      ["b", "disconnected"],
    ]);
  });

  it("goes on across a reconnection, and leaves out banned and long expired agents", async () => {
    const world = new World();
    world.registry.apply(
      nodeItem(nodeOf("old", { expiresAt: 1 })),
      nodeItem(nodeOf("bad", { banned: true })),
      entryItem(entryOf("e1", "a")),
      entryItem(entryOf("e2", "old")),
      entryItem(entryOf("e3", "bad")),
    );
    const first = world.connect();
    await settle();
    const waiting = world.wait(["e1", "e2", "e3"]);
    await settle();
    const second = world.connect();
    await settle();
    await first.over;
    second.acknowledge();
    assert.deepEqual(states(await waiting), [["a", "applied"]]);
  });

  it("waits for a deletion to be acknowledged", async () => {
    const world = new World();
    world.registry.apply(entryItem(entryOf("e1", "a")));
    const agent = world.connect();
    await settle();
    agent.acknowledge();
    world.registry.apply({ type: "entry", key: "e1", value: undefined });
    await settle();
    const waiting = world.wait(["e1"]);
    await settle();
    agent.acknowledge();
    assert.deepEqual(states(await waiting), [["a", "applied"]]);
  });

  it("does not wait for an agent that lags with something else", async () => {
    const world = new World();
    world.registry.apply(entryItem(entryOf("e1", "a")), nodeItem(nodeOf("b")));
    world.connect();
    await settle();
    world.registry.apply(entryItem(entryOf("eb", "b")));
    assert.deepEqual(states(await world.wait(["eb"])), [["b", "disconnected"]]);
  });

  it("stops when its caller goes away", async () => {
    const world = new World();
    world.registry.apply(entryItem(entryOf("e1", "a")));
    world.connect();
    await settle();
    const gone = new AbortController();
    const waiting = world.wait(["e1"], 10_000, gone.signal);
    await settle();
    gone.abort(new Error("gone"));
    await assert.rejects(waiting, /gone/);
    assert.equal(world.clock.pendingTimers, 0);
  });
});
