// needs: time; budget: 180; waits
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { exitCodes } from "../../../cli/exit-codes.ts";
import type { Entry } from "../../../proto/gen/spire/api/types/Entry.ts";
import { agentService, bundleService, entryService, trustDomainService } from "../../../proto/services.ts";
import { TrustDomain } from "../../../spiffe/index.ts";
import { cli } from "../../fakes/cli.ts";
import { TestAuthority } from "../../fakes/test-authority.ts";
import { TestServer } from "../../fakes/test-server.ts";

const id = (path: string) => ({ trust_domain: "example.org", path });
const text = (path: string) => `spiffe://example.org${path}`;
const unix = [{ type: "unix", value: "uid:1" }];

// Another server of ours stands in for SPIRE's: what is asked of it is SPIRE's API alone.
describe("migrate data", () => {
  let theirs: TestServer;
  let ours: TestServer;
  before(async () => {
    [theirs, ours] = await Promise.all([TestServer.start(), TestServer.start()]);
  });
  after(async () => {
    await Promise.all([theirs[Symbol.asyncDispose](), ours[Symbol.asyncDispose]()]);
  });

  const run = (...args: readonly string[]) =>
    cli(["migrate", "data", "--from", theirs.config.socketPath, "--to", ours.config.socketPath, ...args]);
  const create = async (server: TestServer, ...entries: Entry[]) => {
    const { results } = await server.admin.unary(entryService.BatchCreateEntry, { entries });
    assert.deepEqual(
      results.map(({ status }) => status?.code),
      entries.map(() => 0),
    );
  };
  const entriesOf = async (server: TestServer) => {
    const { entries } = await server.admin.unary(entryService.ListEntries, {});
    return entries
      .map(({ created_at: _created, revision_number: _revision, ...entry }) => entry)
      .sort((left, right) => (left.id < right.id ? -1 : 1));
  };
  const json = (result: { readonly json: unknown }) => JSON.parse(JSON.stringify(result.json));

  it("copies everything under its ids, and then has nothing to do; says what differs and mends it", async () => {
    const foreign = new TestAuthority(TrustDomain.parse("partner.test"), {
      notBeforeMs: Date.now() - 1_000,
      notAfterMs: Date.now() + 86_400_000,
    });
    await theirs.admin.unary(bundleService.BatchSetFederatedBundle, {
      bundle: [
        { trust_domain: "partner.test", x509_authorities: [{ asn1: foreign.certificate.der }], refresh_hint: "9" },
      ],
    });
    await theirs.admin.unary(trustDomainService.BatchCreateFederationRelationship, {
      federation_relationships: [
        {
          trust_domain: "partner.test",
          bundle_endpoint_url: "https://partner.test/bundle",
          https_spiffe: { endpoint_spiffe_id: "spiffe://partner.test/endpoint" },
        },
      ],
    });
    const many = Array.from({ length: 1_100 }, (_, n) => ({
      ...{ id: `many-${n}`, spiffe_id: id(`/many/${n}`), parent_id: id("/host/a"), selectors: unix },
    }));
    await create(theirs, ...many, {
      ...{
        id: "rich",
        spiffe_id: id("/rich"),
        parent_id: id("/host/a"),
        selectors: unix,
        federates_with: ["partner.test"],
      },
      ...{
        x509_svid_ttl: 60,
        jwt_svid_ttl: 30,
        dns_names: ["b.test", "a.test"],
        hint: "h",
        downstream: true,
        admin: true,
      },
      additional_attributes: { disable_x509_svid_prefetch: true, jwt_svid_include_jti: true },
    });
    const dry = await run("--dry-run", "--output", "json");
    assert.deepEqual([dry.code, json(dry).entries.created.length], [exitCodes.differs, 1_101]);
    assert.equal((await entriesOf(ours)).length, 0);

    const first = await run("--output", "json");
    assert.equal(first.code, exitCodes.ok, first.err);
    assert.deepEqual(json(first).federated_bundles.created, ["partner.test"]);
    assert.deepEqual(json(first).federation_relationships.created, ["partner.test"]);
    assert.deepEqual(await entriesOf(ours), await entriesOf(theirs));

    const again = await run();
    assert.equal(again.code, exitCodes.ok);
    assert.match(again.out, /federated bundles: 0 new, 0 changed, 1 as they were, 0 refused/);
    assert.match(again.out, /federation relationships: 0 new, 0 changed, 1 as they were, 0 refused/);
    assert.match(again.out, /entries: 0 new, 0 changed, 1101 as they were, 0 refused/);

    await theirs.admin.unary(entryService.BatchUpdateEntry, {
      entries: [{ id: "rich", hint: "other" }],
      input_mask: { hint: true },
    });
    const mended = await run("--output", "json");
    assert.deepEqual(json(mended).entries.updated, [
      { id: "rich", changes: [{ field: "hint", from: "h", to: "other" }] },
    ]);
    assert.deepEqual(await entriesOf(ours), await entriesOf(theirs));
  });

  it("lists what it cannot copy, with the reason, and copies the rest", async () => {
    await create(ours, { ...{ id: "mine", spiffe_id: id("/same"), parent_id: id("/host/b"), selectors: unix } });
    await create(
      theirs,
      { id: "other", spiffe_id: id("/same"), parent_id: id("/host/b"), selectors: unix },
      { id: "fine", spiffe_id: id("/fine"), parent_id: id("/host/b"), selectors: unix },
    );
    const result = await run("--output", "json");
    assert.equal(result.code, exitCodes.refused);
    assert.deepEqual(json(result).entries.refused, [
      { id: "other", spiffe_id: text("/same"), reason: "it is here already as mine" },
    ]);
    assert.deepEqual(json(result).entries.created, ["fine"]);
    await theirs.admin.unary(entryService.BatchDeleteEntry, { ids: ["other"] });
  });

  it("gives entries of join-token agents their new parents: by alias as they arrive, and as it is told", async () => {
    const alias = id("/host/web-1");
    await theirs.admin.unary(agentService.CreateJoinToken, { ttl: 600, token: "old-1", agent_id: alias });
    await Promise.all(["old-1", "old-2"].map(async (token) => theirs.agent(token === "old-1" ? "throwaway" : token)));
    const old = (name: string) => id(`/spire/agent/join_token/${name}`);
    await create(
      theirs,
      { id: "by-alias", spiffe_id: id("/w/1"), parent_id: alias, selectors: unix },
      { id: "by-agent", spiffe_id: id("/w/2"), parent_id: old("old-1"), selectors: unix },
      { id: "told", spiffe_id: id("/w/3"), parent_id: old("old-2"), selectors: unix },
    );
    const waiting = json(await run("--output", "json"));
    assert.deepEqual(waiting.agents.waiting, [
      { agent: text("/spire/agent/join_token/old-1"), aliases: [text("/host/web-1")], entries: 1 },
      { agent: text("/spire/agent/join_token/old-2"), aliases: [], entries: 1 },
    ]);
    assert.equal(waiting.entries.left_out.length, 1, "the alias belongs to the token");
    const parentOf = async (entry: string) =>
      (await ours.admin.unary(entryService.GetEntry, { id: entry })).parent_id?.path;
    assert.equal(await parentOf("by-agent"), "/spire/agent/join_token/old-1", "nothing is lost meanwhile");

    // A token with the alias is not yet the host: its agent has to attest.
    await ours.admin.unary(agentService.CreateJoinToken, { ttl: 600, token: "new-1", agent_id: alias });
    await run();
    assert.equal(await parentOf("by-agent"), "/spire/agent/join_token/old-1");
    await ours.attest("new-1");
    await run();
    assert.equal(await parentOf("by-agent"), "/spire/agent/join_token/new-1");

    const folder = mkdtempSync(join(tmpdir(), "cs-map-"));
    try {
      const file = join(folder, "map");
      writeFileSync(file, `# hosts\n${text("/spire/agent/join_token/old-2")} = ${text("/host/told")} # by hand\n`);
      const watched = await run("--map-file", file, "--watch", "--interval", "1", "--timeout", "1");
      assert.equal(watched.code, exitCodes.ok, watched.err);
    } finally {
      rmSync(folder, { recursive: true });
    }
    assert.equal(await parentOf("told"), "/host/told");
    // Nor is it taken back by a run that was not told.
    assert.match((await run()).out, /entries: 0 new, 0 changed/);
    assert.equal(await parentOf("told"), "/host/told");
  });

  it("refuses another trust domain, itself, and maps that are none", async () => {
    await using other = await TestServer.start({ config: { trustDomain: TrustDomain.parse("other.test") } });
    const before = await entriesOf(other);
    const foreign = await cli([
      ...["migrate", "data", "--from", theirs.config.socketPath, "--to", other.config.socketPath],
    ]);
    assert.deepEqual([foreign.code, /ERR_OTHER_TRUST_DOMAIN/.test(foreign.err)], [exitCodes.refused, true]);
    assert.deepEqual(await entriesOf(other), before);
    const from = theirs.config.socketPath;
    assert.equal((await cli(["migrate", "data", "--from", from, "--to", from])).code, exitCodes.usage);
    for (const map of ["x", `${text("/a")}=spiffe://other.test/b`, `${text("/a")}=${text("/b")}=${text("/c")}`])
      assert.equal((await run("--map", map)).code, exitCodes.usage, map);
    const silent = await cli(["migrate", "data", "--from", "/nowhere/api.sock", "--to", ours.config.socketPath]);
    assert.equal(silent.code, exitCodes.unreachable);
  });
});
