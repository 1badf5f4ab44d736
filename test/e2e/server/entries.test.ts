import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildCsr, Certificate, generateKey } from "../../../certs/index.ts";
import type { Entry } from "../../../proto/gen/spire/api/types/Entry.ts";
import { entryService, svidService } from "../../../proto/services.ts";
import { serverLimits } from "../../../server/limits.ts";
import { SpiffeId, verifyJwtSvid, verifyX509Svid } from "../../../spiffe/index.ts";
import { type TestAgent, TestServer } from "../../fakes/test-server.ts";

const trustDomain = "example.org";

function draft(path: string, parts: Partial<Entry> = {}): Entry {
  return {
    spiffe_id: { trust_domain: trustDomain, path },
    parent_id: { trust_domain: trustDomain, path: "/node" },
    selectors: [
      { type: "unix", value: "uid:1" },
      { type: "unix", value: "gid:1" },
    ],
    ...parts,
  };
}

describe("entries on real sockets", () => {
  let world: TestServer;
  before(async () => {
    world = await TestServer.start();
  });
  after(() => world[Symbol.asyncDispose]());

  const create = (...entries: readonly Entry[]) =>
    world.admin.unary(entryService.BatchCreateEntry, { entries: [...entries] });

  it("gives the entries of a batch ids in the batch's order, so that the first is a workload's default", async () => {
    const { results } = await create(...Array.from({ length: 20 }, (_, index) => draft(`/order/${index}`)));
    const ids = results.map(({ entry }) => entry?.id ?? "");
    assert.equal(new Set(ids).size, 20);
    assert.deepEqual(ids, [...ids].sort());
    await world.admin.unary(entryService.BatchDeleteEntry, { ids });
  });

  it("creates, reads, changes and deletes, item by item, with a status each", async () => {
    const { results } = await create(
      draft("/crud/a", { id: "crud-a", dns_names: ["b.test", "a.test"], hint: "h", additional_attributes: {} }),
      draft("/spire/server"),
      draft("/crud/a"),
      draft("/crud/neg", { x509_svid_ttl: -1 }),
      draft("/crud/b", { id: "crud-a" }),
    );
    assert.deepEqual(
      results.map(({ status, entry }) => [status?.code, entry?.id]),
      [
        [0, "crud-a"],
        [3, undefined],
        [6, "crud-a"],
        [3, undefined],
        [6, "crud-a"],
      ],
    );
    assert.equal(results[0]?.status?.message, "OK");
    assert.equal(results[2]?.status?.message, "similar entry already exists");
    assert.match(results[1]?.status?.message ?? "", /spiffe_id/);
    const read = await world.admin.unary(entryService.GetEntry, { id: "crud-a" });
    assert.deepEqual(read.dns_names, ["b.test", "a.test"]);
    assert.deepEqual([read.revision_number, read.hint], ["0", "h"]);
    assert.notEqual(read.created_at, "0");
    assert.ok(read.additional_attributes);
    const updated = await world.admin.unary(entryService.BatchUpdateEntry, {
      entries: [
        { id: "crud-a", hint: "new", dns_names: ["ignored.test"] },
        { id: "nothing", hint: "x" },
        { hint: "x" },
      ],
      input_mask: { hint: true },
      output_mask: { hint: true, revision_number: true },
    });
    assert.deepEqual(
      updated.results.map(({ status }) => status?.code),
      [0, 5, 3],
    );
    assert.deepEqual([updated.results[0]?.entry?.hint, updated.results[0]?.entry?.revision_number], ["new", "1"]);
    assert.equal(updated.results[0]?.entry?.spiffe_id, null);
    const after = await world.admin.unary(entryService.GetEntry, { id: "crud-a" });
    assert.deepEqual(after.dns_names, ["b.test", "a.test"]);
    const deleted = await world.admin.unary(entryService.BatchDeleteEntry, { ids: ["crud-a", "", "crud-a"] });
    assert.deepEqual(
      deleted.results.map(({ id, status }) => [id, status?.code]),
      [
        ["crud-a", 0],
        ["", 3],
        ["crud-a", 5],
      ],
    );
    await assert.rejects(world.admin.unary(entryService.GetEntry, { id: "crud-a" }), {
      code: "ERR_ENTRY_NOT_FOUND",
      message: "entry not found",
    });
    await assert.rejects(world.admin.unary(entryService.GetEntry, {}), { message: "missing ID" });
  });

  it("asks the rules of the entry as an update would leave it", async () => {
    await create(draft("/rules", { id: "rules" }));
    const change = (entry: Entry, mask: object) =>
      world.admin.unary(entryService.BatchUpdateEntry, { entries: [{ id: "rules", ...entry }], input_mask: mask });
    const cases: readonly (readonly [Entry, object])[] = [
      [{ selectors: [] }, { selectors: true }],
      [{ spiffe_id: { trust_domain: "other.test", path: "/x" } }, { spiffe_id: true }],
      [{ dns_names: ["not valid!"] }, { dns_names: true }],
    ];
    for (const [entry, mask] of cases) {
      const { results } = await change(entry, mask);
      assert.equal(results[0]?.status?.code, 3);
    }
    const beside = { x509_svid_ttl: -1, jwt_svid_ttl: -1, expires_at: "-1", dns_names: [""], hint: "kept" };
    const kept = await change(beside, { hint: true });
    assert.deepEqual([kept.results[0]?.status?.code, kept.results[0]?.entry?.hint], [0, "kept"], "beside the mask");
    assert.equal((await change(beside, { x509_svid_ttl: true })).results[0]?.status?.code, 3);
    const whole = await world.admin.unary(entryService.BatchUpdateEntry, { entries: [{ id: "rules", hint: "alone" }] });
    assert.equal(whole.results[0]?.status?.code, 3, "without a mask every field is written, the empty ones too");
    assert.equal((await world.admin.unary(entryService.GetEntry, { id: "rules" })).revision_number, "1");
  });

  it("says FailedPrecondition for a federation whose bundle is not stored", async () => {
    const { results } = await create(draft("/fed", { federates_with: ["other.test"] }));
    assert.equal(results[0]?.status?.code, 9);
  });

  it("lists in pages, and everything when no size is given", async () => {
    const parent_id = { trust_domain: trustDomain, path: "/pages" };
    await create(...Array.from({ length: 7 }, (_, n) => draft(`/pages/${n}`, { parent_id })));
    const filter = { by_parent_id: parent_id };
    const seen: string[] = [];
    let page_token = "";
    let pages = 0;
    do {
      const page = await world.admin.unary(entryService.ListEntries, { filter, page_size: 3, page_token });
      seen.push(...page.entries.map(({ spiffe_id }) => spiffe_id?.path ?? ""));
      page_token = page.next_page_token;
      pages += 1;
    } while (page_token !== "");
    assert.deepEqual([pages, new Set(seen).size], [3, 7]);
    const all = await world.admin.unary(entryService.ListEntries, { filter });
    assert.deepEqual([all.entries.length, all.next_page_token], [7, ""]);
    assert.equal((await world.admin.unary(entryService.CountEntries, { filter })).count, 7);
    for (const request of [{ page_token: "garbage" }, { page_size: -1 }, { filter: { by_selectors: {} } }]) {
      await assert.rejects(world.admin.unary(entryService.ListEntries, request), { status: "invalidArgument" });
    }
  });

  it("shows one entry a few times in one answer, not as often as a small batch names it", async () => {
    const codes = (results: readonly { readonly status: { readonly code: number } | null }[]) =>
      results.map(({ status }) => status?.code);
    const most = serverLimits.batchRepeats.value;
    const times = (code: number, count: number): readonly number[] => Array.from({ length: count }, () => code);
    const alike = Array.from({ length: most + 2 }, () => draft("/often"));
    const { results } = await create(...alike, draft("/often/other"));
    assert.deepEqual(codes(results), [0, ...times(6, most - 1), 3, 3, 0]);
    assert.ok(results[most - 1]?.entry);
    const id = results[0]?.entry?.id ?? "";
    const taken = Array.from({ length: most + 2 }, (_, n) => draft(`/often/${n}`, { id }));
    assert.deepEqual(codes((await create(...taken)).results), [...times(6, most), 3, 3]);
    const updates = Array.from({ length: most + 2 }, (_, n) => ({ id, hint: `${n}` }));
    const updated = await world.admin.unary(entryService.BatchUpdateEntry, {
      entries: updates,
      input_mask: { hint: true },
    });
    assert.deepEqual(codes(updated.results), [...times(0, most), 3, 3]);
    assert.equal(updated.results[most - 1]?.entry?.hint, `${most - 1}`);
  });

  it("refuses to look for an id that no entry can have", async () => {
    const other = { trust_domain: "other.test", path: "/x" };
    const filters = [
      { by_spiffe_id: other },
      { by_spiffe_id: { trust_domain: trustDomain, path: "" } },
      { by_spiffe_id: { trust_domain: trustDomain, path: "/spire/server" } },
      { by_parent_id: other },
    ];
    for (const filter of filters) {
      await assert.rejects(world.admin.unary(entryService.ListEntries, { filter }), { code: "ERR_MALFORMED_REQUEST" });
      await assert.rejects(world.admin.unary(entryService.CountEntries, { filter }), { code: "ERR_MALFORMED_REQUEST" });
    }
    const node = { by_parent_id: { trust_domain: trustDomain, path: "/spire/server" } };
    assert.equal((await world.admin.unary(entryService.CountEntries, { filter: node })).count, 0);
  });

  it("masks what is listed", async () => {
    await create(draft("/masked", { hint: "h" }));
    const { entries } = await world.admin.unary(entryService.ListEntries, { output_mask: { hint: true } });
    assert.ok(entries.length > 0);
    for (const entry of entries) {
      assert.notEqual(entry.id, "");
      assert.deepEqual([entry.spiffe_id, entry.selectors, entry.created_at], [null, [], "0"]);
    }
  });
});

describe("issuance on real sockets", () => {
  let world: TestServer;
  let agent: TestAgent;
  let other: TestAgent;
  before(async () => {
    world = await TestServer.start();
    [agent, other] = await Promise.all([world.agent("issue"), world.agent("other")]);
  });
  after(() => world[Symbol.asyncDispose]());

  it("issues what the entry says and refuses item by item what is not the agent's", async () => {
    const mine = await world.createEntry(agent, "/mine", { dns_names: ["mine.test"], hint: "m", x509_svid_ttl: 60 });
    const foreign = await world.createEntry(other, "/foreign");
    const key = await generateKey("ec-p256");
    const csr = Buffer.from(buildCsr({ key, uriSans: ["spiffe://example.org/something-else"] }));
    const { results } = await world.dialAs(agent).unary(svidService.BatchNewX509SVID, {
      params: [
        { entry_id: mine, csr },
        { entry_id: foreign, csr },
        { entry_id: "", csr },
        { entry_id: mine },
        { entry_id: mine, csr: Buffer.from("x") },
      ],
    });
    assert.deepEqual(
      results.map(({ status }) => status?.code),
      [0, 5, 3, 3, 3],
    );
    const svid = results[0]?.svid;
    assert.deepEqual([svid?.id?.path, svid?.hint], ["/mine", "m"]);
    const chain = (svid?.cert_chain ?? []).map((der) => Certificate.parse(der));
    const bundles = { get: () => world.server.core.registry.bundle(world.config.trustDomain) };
    const { id } = verifyX509Svid({ chain, bundles, atMs: Date.now(), usage: "server" });
    assert.equal(id.toString(), "spiffe://example.org/mine");
    assert.deepEqual(chain[0]?.dnsSans, ["mine.test"]);
    assert.ok(Number(svid?.expires_at) - Date.now() / 1000 <= 61);
    await assert.rejects(world.dialAs(agent).unary(svidService.BatchNewX509SVID, {}), {
      message: "missing parameters",
    });
  });

  it("issues JWT-SVIDs that verify, and says what is wrong with a request", async () => {
    const mine = await world.createEntry(agent, "/jwt", { hint: "j" });
    const channel = world.dialAs(agent);
    const { svid } = await channel.unary(svidService.NewJWTSVID, { entry_id: mine, audience: ["a", "b"] });
    assert.ok(svid !== null);
    const bundles = { get: () => world.server.core.registry.bundle(world.config.trustDomain) };
    const verified = verifyJwtSvid({ token: svid.token, audience: "b", bundles, atMs: Date.now() });
    assert.ok(verified.id.equals(SpiffeId.parse("spiffe://example.org/jwt")));
    assert.ok(Number(svid.expires_at) > Number(svid.issued_at) && Number(svid.issued_at) > 0);
    await assert.rejects(channel.unary(svidService.NewJWTSVID, { entry_id: mine }), { code: "ERR_SVID_AUDIENCE" });
    await assert.rejects(channel.unary(svidService.NewJWTSVID, { audience: ["a"] }), { message: "missing entry ID" });
    await assert.rejects(world.dialAs(other).unary(svidService.NewJWTSVID, { entry_id: mine, audience: ["a"] }), {
      code: "ERR_ENTRY_NOT_FOUND",
      status: "notFound",
      message: "entry not found or not authorized",
    });
  });

  it("stops issuing the moment an entry is deleted", async () => {
    const mine = await world.createEntry(agent, "/deleted");
    await world.admin.unary(entryService.BatchDeleteEntry, { ids: [mine] });
    const csr = Buffer.from(buildCsr({ key: await generateKey("ec-p256") }));
    const { results } = await world.dialAs(agent).unary(svidService.BatchNewX509SVID, {
      params: [{ entry_id: mine, csr }],
    });
    assert.equal(results[0]?.status?.code, 5);
  });
});
