import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { decodeServerMessage, encodeAgentMessage, encodeHello } from "../../../proto/convert/sync.ts";
import type { Position, SyncPage } from "../../../proto/domain/link.ts";
import { entryService, syncService } from "../../../proto/services.ts";
import type { RpcChannel } from "../../../transport/index.ts";
import { type TestAgent, TestServer } from "../../fakes/test-server.ts";

class Stream {
  readonly #call;
  readonly #messages;

  constructor(channel: RpcChannel, held?: Position) {
    this.#call = channel.bidi(syncService.Open);
    this.#messages = this.#call.responses[Symbol.asyncIterator]();
    const resumed = held === undefined ? [] : [{ type: "entry" as const, position: held }];
    this.#call.send(encodeHello({ protocol: 1, capabilities: [], held: resumed, agentVersion: "test" }));
  }

  /** The next last page of entries. */
  async entries(): Promise<SyncPage> {
    for (;;) {
      const { done, value } = await this.#messages.next();
      assert.notEqual(done, true, "the stream ended");
      const message = decodeServerMessage(value);
      if (message?.kind === "page" && message.type === "entry" && message.last) return message;
    }
  }

  acknowledge({ position }: SyncPage, pendingEntryIds: readonly string[] = []): void {
    this.#call.send(encodeAgentMessage({ kind: "ack", type: "entry", position, pendingEntryIds }));
  }

  end(): void {
    this.#call.cancel();
  }
}

describe("sync on real sockets", () => {
  let world: TestServer;
  let agent: TestAgent;
  before(async () => {
    world = await TestServer.start();
    agent = await world.agent("sync");
  });
  after(() => world[Symbol.asyncDispose]());

  it("pushes a new entry in milliseconds, waits for its acknowledgement, and resumes where it was", async () => {
    const stream = new Stream(world.dialAs(agent));
    stream.acknowledge(await stream.entries());
    const startedAt = performance.now();
    const [entryId, page] = await Promise.all([world.createEntry(agent, "/pushed"), stream.entries()]);
    const tookMs = performance.now() - startedAt;
    assert.deepEqual(
      page.resources.map((one) => (one.kind === "entry" ? one.entry.id : "")),
      [entryId],
    );
    assert.ok(tookMs < 1_000);
    const waiting = world.admin.unary(syncService.WaitApplied, { entry_ids: [entryId], timeout_ms: 5_000 });
    stream.acknowledge(page);
    const { agents } = await waiting;
    assert.deepEqual(agents, [
      { agent_id: { trust_domain: "example.org", path: agent.svid.id.path }, state: "applied" },
    ]);
    stream.end();
    await world.admin.unary(entryService.BatchDeleteEntry, { ids: [entryId] });
    const again = new Stream(world.dialAs(agent), page.position);
    const resumed = await again.entries();
    assert.deepEqual([resumed.snapshotStart, resumed.removed], [false, [entryId]]);
    again.end();
  });

  it("knows who is connected and how far", async () => {
    const stream = new Stream(world.dialAs(agent));
    stream.acknowledge(await stream.entries());
    const acknowledged = async () => {
      const { connections } = await world.admin.unary(syncService.ListConnections, {});
      return connections.find(({ agent_id }) => agent_id?.path === agent.svid.id.path);
    };
    let connection = await acknowledged();
    while (connection?.acknowledged === null) connection = await acknowledged();
    assert.equal(connection?.connected, true);
    assert.deepEqual(connection?.acknowledged, connection?.head);
    assert.equal(connection?.agent_version, "test");
    stream.end();
  });

  it("refuses a wait for nothing or for too much", async () => {
    await assert.rejects(world.admin.unary(syncService.WaitApplied, {}), { code: "ERR_MALFORMED_REQUEST" });
    const entry_ids = Array.from({ length: 1_001 }, (_, n) => `e${n}`);
    await assert.rejects(world.admin.unary(syncService.WaitApplied, { entry_ids }), { code: "ERR_MALFORMED_REQUEST" });
  });

  it("refuses a stream that does not begin with a hello", async () => {
    const call = world.dialAs(agent).bidi(syncService.Open);
    call.send({ status: {} });
    const drain = async (): Promise<void> => {
      for await (const _message of call.responses);
    };
    await assert.rejects(drain(), { code: "ERR_MALFORMED_REQUEST" });
  });
});
