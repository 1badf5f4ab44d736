import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { SyncAuthorizedEntriesRequest } from "../../../proto/gen/spire/api/server/entry/v1/SyncAuthorizedEntriesRequest.ts";
import type { SyncAuthorizedEntriesResponse__Output } from "../../../proto/gen/spire/api/server/entry/v1/SyncAuthorizedEntriesResponse.ts";
import { agentService, entryService } from "../../../proto/services.ts";
import { type RpcChannel, ServiceError } from "../../../transport/index.ts";
import { type TestAgent, TestServer } from "../../fakes/test-server.ts";

type Page = SyncAuthorizedEntriesResponse__Output;

/** What a SPIRE 1.15 agent asks for. */
const agentMask = {
  spiffe_id: true,
  selectors: true,
  federates_with: true,
  admin: true,
  downstream: true,
  revision_number: true,
  store_svid: true,
  hint: true,
  created_at: true,
  additional_attributes: true,
};

/** One poll, message by message. */
class Poll {
  readonly #call;
  readonly #pages;

  constructor(channel: RpcChannel, first: SyncAuthorizedEntriesRequest = { output_mask: agentMask }) {
    this.#call = channel.bidi(entryService.SyncAuthorizedEntries, { timeoutMs: 20_000 });
    this.#pages = this.#call.responses[Symbol.asyncIterator]();
    this.#call.send(first);
  }

  /** Every page of one answer. */
  async answer(): Promise<readonly Page[]> {
    const pages: Page[] = [];
    do {
      const { done, value } = await this.#pages.next();
      if (done === true) throw new Error("the stream ended early");
      pages.push(value);
    } while (pages.at(-1)?.more === true);
    return pages;
  }

  ask(ids: readonly string[]): Promise<readonly Page[]> {
    this.#call.send({ ids: [...ids] });
    return this.answer();
  }

  end(): void {
    this.#call.end();
  }

  /** Rejects with the stream's error when it did not end with OK. */
  async ended(): Promise<void> {
    const { done } = await this.#pages.next();
    assert.equal(done, true, "a page nobody asked for");
  }
}

const names = (pages: readonly Page[]): readonly string[] =>
  pages.flatMap(({ entries }) => entries.map(({ spiffe_id }) => spiffe_id?.path ?? ""));

describe("SyncAuthorizedEntries on the wire", () => {
  let world: TestServer;
  let small: TestAgent;
  let large: TestAgent;
  let ids: readonly string[];

  before(async () => {
    world = await TestServer.start();
    [small, large] = await Promise.all([world.agent("small"), world.agent("large")]);
    await world.createEntry(small, "/one", { dns_names: ["one.test"], hint: "h", x509_svid_ttl: 60 });
    const entries = Array.from({ length: 1_201 }, (_, n) => ({
      spiffe_id: { trust_domain: "example.org", path: `/w/${n}` },
      parent_id: { trust_domain: "example.org", path: large.svid.id.path },
      selectors: [{ type: "unix", value: `uid:${n}` }],
    }));
    const { results } = await world.admin.unary(entryService.BatchCreateEntry, { entries });
    ids = results.map(({ entry }) => entry?.id ?? "");
  });
  after(() => world[Symbol.asyncDispose]());

  it("gives a small set whole, masked, and ends the stream by itself", async () => {
    const poll = new Poll(world.dialAs(small));
    const [page, ...others] = await poll.answer();
    await poll.ended();
    assert.deepEqual([others, page?.entry_revisions, page?.more], [[], [], false]);
    const [entry] = page?.entries ?? [];
    assert.deepEqual([entry?.hint, entry?.spiffe_id?.path, entry?.selectors.length], ["h", "/one", 1]);
    assert.deepEqual([entry?.parent_id, entry?.dns_names, entry?.x509_svid_ttl], [null, [], 0], "masked");
    assert.ok(entry?.id !== "" && Number(entry?.created_at) > 0);
    const unmasked = await new Poll(world.dialAs(small), {}).answer();
    assert.deepEqual(unmasked[0]?.entries[0]?.dns_names, ["one.test"]);
  });

  it("gives an empty set as one empty page", async () => {
    const poll = new Poll(world.dialAs(await world.agent()));
    assert.deepEqual(await poll.answer(), [{ entry_revisions: [], entries: [], more: false }]);
    await poll.ended();
  });

  it("gives the revisions of a large set in pages, and then what is asked for", async () => {
    const poll = new Poll(world.dialAs(large));
    const revisions = await poll.answer();
    assert.deepEqual(
      revisions.map(({ entry_revisions, entries, more }) => [entry_revisions.length, entries.length, more]),
      [
        [500, 0, true],
        [500, 0, true],
        [201, 0, false],
      ],
    );
    const told = revisions.flatMap(({ entry_revisions }) => entry_revisions);
    assert.deepEqual(told.map(({ id }) => id).sort(), [...ids].sort());
    assert.ok(told.every(({ created_at, revision_number }) => Number(created_at) > 0 && Number(revision_number) === 0));

    const [first = "", second = ""] = ids;
    assert.deepEqual(names(await poll.ask([second, "unknown", first, second])).toSorted(), ["/w/0", "/w/1"]);
    assert.deepEqual(names(await poll.ask([])), []);
    assert.deepEqual(names(await poll.ask(["unknown"])), []);
    const all = await poll.ask([...ids].reverse());
    assert.deepEqual(
      all.map(({ entries, more }) => [entries.length, more]),
      [
        [500, true],
        [500, true],
        [201, false],
      ],
    );
    assert.equal(new Set(names(all)).size, 1_201);
    assert.ok(
      all.every(({ entries }) => entries.every(({ parent_id }) => parent_id === null)),
      "still masked",
    );

    await world.admin.unary(entryService.BatchDeleteEntry, { ids: [first] });
    assert.deepEqual(names(await poll.ask([first])), ["/w/0"], "the set is that of the moment the stream was opened");
    poll.end();
    await poll.ended();
    const later = await new Poll(world.dialAs(large)).answer();
    assert.equal(later.flatMap(({ entry_revisions }) => entry_revisions).length, 1_200);
  });

  it("cuts pages by size too: a client takes 4 MiB, and 500 entries may be more", async () => {
    const agent = await world.agent("fat");
    const selectors = Array.from({ length: 64 }, (_, n) => ({ type: "unix", value: `path:${n}${"x".repeat(220)}` }));
    const entries = Array.from({ length: 300 }, (_, n) => ({
      spiffe_id: { trust_domain: "example.org", path: `/fat/${n}` },
      parent_id: { trust_domain: "example.org", path: agent.svid.id.path },
      selectors,
    }));
    const created = await world.admin.unary(entryService.BatchCreateEntry, { entries });
    const poll = new Poll(world.dialAs(agent), {});
    assert.equal((await poll.answer())[0]?.entry_revisions.length, 300);
    const pages = await poll.ask(created.results.map(({ entry }) => entry?.id ?? ""));
    assert.equal(names(pages).length, 300);
    for (const page of pages) {
      const bytes = entryService.SyncAuthorizedEntries.responseSerialize(page).length;
      assert.ok(bytes < 4 * 1024 * 1024 && pages.length > 3, `${bytes} in ${pages.length} pages`);
    }
    poll.end();
    await poll.ended();
  });

  it("refuses ids and a masked revision in the first message", async () => {
    await assert.rejects(new Poll(world.dialAs(small), { ids: ["x"] }).answer(), {
      status: "invalidArgument",
      message: "specifying IDs on initial request is not supported",
    });
    await assert.rejects(new Poll(world.dialAs(small), { output_mask: { spiffe_id: true } }).answer(), {
      status: "invalidArgument",
      message: "revision number cannot be masked",
    });
  });

  it("gives GetAuthorizedEntries the same set, whole", async () => {
    const channel = world.dialAs(large);
    const { entries } = await channel.unary(entryService.GetAuthorizedEntries, { output_mask: { hint: true } });
    assert.equal(entries.length, 1_200);
    assert.ok(entries.every(({ id, spiffe_id }) => id !== "" && spiffe_id === null));
  });

  it("is for agents in good standing alone, and ends when an agent is banned", async () => {
    for (const channel of [world.dial(), world.admin]) {
      await assert.rejects(new Poll(channel).answer(), { code: "ERR_NOT_AUTHORIZED" });
      await assert.rejects(channel.unary(entryService.GetAuthorizedEntries, {}), { code: "ERR_NOT_AUTHORIZED" });
    }
    const poll = new Poll(world.dialAs(large));
    await poll.answer();
    await world.admin.unary(agentService.BanAgent, {
      id: { trust_domain: "example.org", path: large.svid.id.path },
    });
    const isBanned = (error: unknown): true => {
      assert.ok(error instanceof ServiceError);
      assert.deepEqual(
        [error.status, error.details[0]],
        ["permissionDenied", { kind: "permission-denied", reason: "agentBanned" }],
      );
      return true;
    };
    await assert.rejects(poll.ended(), isBanned);
    await assert.rejects(new Poll(world.dialAs(large)).answer(), isBanned);
  });
});
