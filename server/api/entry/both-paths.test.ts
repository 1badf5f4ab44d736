import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { SyncAck, SyncMessage } from "../../../proto/domain/link.ts";
import { silentLogger } from "../../../runtime/core/index.ts";
import type { SpiffeId } from "../../../spiffe/index.ts";
import { GraphChanges, naiveAuthorizedSet } from "../../../test/fakes/entry-graphs.ts";
import { FakeClock, settle } from "../../../test/fakes/fake-clock.ts";
import { FakeFeed } from "../../../test/fakes/fake-feed.ts";
import { PollingAgent } from "../../../test/fakes/polling-agent.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { agentCaller, exampleTrustDomain } from "../../../test/fakes/server-values.ts";
import { MemoryRegistry } from "../../registry/memory-registry.ts";
import { AgentSession, ConnectionTable } from "../../sync/index.ts";
import type { Call } from "../rpc.ts";
import { getAuthorizedEntries } from "./get-authorized-entries.ts";
import { syncAuthorizedEntries } from "./sync-authorized-entries.ts";

interface World {
  readonly clock: FakeClock;
  readonly feed: FakeFeed;
  readonly registry: MemoryRegistry;
  readonly connections: ConnectionTable;
  readonly over: AbortController;
}

async function makeWorld(): Promise<World> {
  const clock = new FakeClock();
  const feed = new FakeFeed();
  const deps = { feed, clock, random: seededRandom(1), logger: silentLogger, trustDomain: exampleTrustDomain };
  const registry = await MemoryRegistry.load(deps);
  const connections = new ConnectionTable({ registry, clock });
  return { clock, feed, registry, connections, over: new AbortController() };
}

/** What an agent on a push stream holds. */
class PushedAgent {
  readonly held = new Map<string, RegistrationEntry>();

  constructor(id: SpiffeId, { registry, feed, connections, clock, over }: World) {
    const session = new AgentSession(id, {
      trustDomain: exampleTrustDomain,
      registry,
      authorized: registry,
      feed,
      connections,
      clock,
      serverId: "s",
      serverVersion: "0",
      statusIntervalSeconds: 30,
      onSynced: () => {},
    });
    const hello = { protocol: 1, capabilities: [], held: [], agentVersion: "1" };
    session.run(hello, silence(over.signal), async (message) => this.#take(message), over.signal).catch(() => {});
  }

  #take(message: SyncMessage): void {
    if (message.kind !== "page" || message.type !== "entry") return;
    if (message.snapshotStart) this.held.clear();
    for (const one of message.resources) if (one.kind === "entry") this.held.set(one.entry.id, one.entry);
    for (const id of message.removed) this.held.delete(id);
  }
}

async function* silence(signal: AbortSignal): AsyncGenerator<SyncAck, void> {
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function callOf(index: number): Call {
  return {
    caller: agentCaller(`agent-${index}`),
    as: "agent",
    requestId: "r",
    signal: new AbortController().signal,
    refusalOf: async () => undefined,
  };
}

async function compareOne(
  world: World,
  index: number,
  agent: { readonly id: SpiffeId; readonly polling: PollingAgent; readonly pushed: PushedAgent },
): Promise<number> {
  const { registry, clock } = world;
  const needs = { authorized: registry, turns: { turn: async () => {} } };
  await agent.polling.poll((asked, send) =>
    syncAuthorizedEntries.handle(needs, { ids: [], masksRevision: false }, callOf(index), asked, send),
  );
  const nowSeconds = Math.floor(clock.now() / 1000);
  const expected = naiveAuthorizedSet([...registry.entries()], agent.id, registry.node(agent.id), nowSeconds);
  const byId = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
  const sorted = [...expected].sort(byId);
  const whole = await getAuthorizedEntries.handle(needs, undefined, callOf(index));
  for (const [path, held] of [
    ["polled", agent.polling.held],
    ["pushed", agent.pushed.held],
    ["asked for whole", new Map(whole.map((entry) => [entry.id, entry]))],
  ] as const) {
    const actual = [...held].sort(byId);
    assert.equal(actual.length, sorted.length, path);
    // The same values, not equal ones: memory hands out one object per entry and revision.
    for (const [at, [id, entry]] of sorted.entries()) assert.equal(actual[at]?.[1], entry, `${path}: ${id}`);
  }
  return expected.size;
}

/** Applies drawn changes in batches, lets time pass, and compares the sets of all agents on all paths each time. */
async function compareAll(
  seed: number,
  size: { readonly agents: number; readonly hubs: number; readonly batches: number; readonly perBatch: number },
): Promise<{ readonly entries: number; readonly largest: number }> {
  const world = await makeWorld();
  const { clock, feed, registry, over } = world;
  const random = seededRandom(seed);
  const changes = new GraphChanges({ random, ...size, nowSeconds: Math.floor(clock.now() / 1000) });
  const agents = Array.from({ length: size.agents }, (_, index) => {
    const id = changes.agent(index);
    return { id, polling: new PollingAgent(), pushed: new PushedAgent(id, world) };
  });
  await settle();
  let largest = 0;
  for (let batch = 0; batch < size.batches; batch += 1) {
    const nowSeconds = Math.floor(clock.now() / 1000);
    const count = Math.ceil(random.float() * size.perBatch);
    feed.commit(...Array.from({ length: count }, () => changes.draw(nowSeconds)));
    if (random.float() < 0.3) await clock.advance(1_000 * Math.ceil(random.float() * 5));
    await settle();
    for (const [index, agent] of agents.entries()) largest = Math.max(largest, await compareOne(world, index, agent));
  }
  over.abort(new Error("the test is over"));
  return { entries: registry.entryCount, largest };
}

describe("the authorised set", () => {
  it("reaches a polling and a push agent alike, whatever hangs on what", async () => {
    const size = { agents: 3, hubs: 5, batches: 12, perBatch: 8 };
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => void (await compareAll(seed, size))),
      { numRuns: 25 },
    );
  });

  it("does so with 10,000 entries too, in pages", async () => {
    const { entries, largest } = await compareAll(7, { agents: 2, hubs: 400, batches: 3, perBatch: 40_000 });
    assert.ok(entries > 10_000 && largest > 5_000, `${entries} ${largest}`);
  });
});
