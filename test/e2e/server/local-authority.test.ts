import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildCsr, generateKey } from "../../../certs/index.ts";
import { agentService, bundleService, localAuthorityService, revocationService } from "../../../proto/services.ts";
import { type Clock, systemClock } from "../../../runtime/core/index.ts";
import { MemoryKeyManager } from "../../../server/keymanager/memory/memory-key-manager.ts";
import { TrustDomain } from "../../../spiffe/index.ts";
import type { RpcChannel } from "../../../transport/index.ts";
import { SyncingAgent } from "../../fakes/syncing-agent.ts";
import { TestAuthority } from "../../fakes/test-authority.ts";
import { type TestAgent, TestServer } from "../../fakes/test-server.ts";

const service = localAuthorityService;

async function rotate(admin: RpcChannel): Promise<string> {
  const { active } = await admin.unary(service.GetX509AuthorityState, {});
  const { prepared_authority: prepared } = await admin.unary(service.PrepareX509Authority, {});
  await admin.unary(service.ActivateX509Authority, { authority_id: prepared?.authority_id ?? "" });
  return active?.authority_id ?? "";
}

async function renewed(world: TestServer, agent: TestAgent): Promise<TestAgent> {
  const key = await generateKey("ec-p256");
  const csr = Buffer.from(buildCsr({ key }));
  const { svid } = await world.dialAs(agent).unary(agentService.RenewAgent, { params: { csr } });
  return { ...agent, key, svid: { ...agent.svid, chain: svid?.cert_chain ?? [] } };
}

describe("the local authorities over the wire", () => {
  let world: TestServer;
  before(async () => {
    world = await TestServer.start();
  });
  after(() => world[Symbol.asyncDispose]());

  it("X.509: prepare, activate, taint, revoke, with SPIRE's fields and statuses", async () => {
    const { admin } = world;
    const first = (await admin.unary(service.GetX509AuthorityState, {})).active;
    assert.match(first?.authority_id ?? "", /^[0-9a-f]{40}$/);
    const { prepared_authority: prepared } = await admin.unary(service.PrepareX509Authority, {});
    const id = prepared?.authority_id ?? "";
    assert.ok(Number(prepared?.expires_at) >= Number(first?.expires_at));
    const firstId = first?.authority_id ?? "";
    const invalid = { status: "invalidArgument" };
    const activate = (authority_id: string) => admin.unary(service.ActivateX509Authority, { authority_id });
    const taint = (authority_id: string) => admin.unary(service.TaintX509Authority, { authority_id });
    await assert.rejects(activate(""), { ...invalid, message: "no authority ID provided" });
    await assert.rejects(activate("x"), { ...invalid, message: "unexpected authority ID" });
    await assert.rejects(activate(firstId), { status: "failedPrecondition" });
    for (const each of ["", "x", firstId, id]) await assert.rejects(taint(each), invalid);
    await assert.rejects(admin.unary(service.RevokeX509Authority, { authority_id: firstId }), invalid);
    const activated = await admin.unary(service.ActivateX509Authority, { authority_id: id });
    assert.deepEqual(activated.activated_authority, prepared);
    const states = await admin.unary(service.GetX509AuthorityState, {});
    assert.deepEqual([states.active, states.prepared, states.old], [prepared, null, first]);
    const old = { authority_id: first?.authority_id ?? "" };
    await assert.rejects(admin.unary(service.RevokeX509Authority, old), { status: "failedPrecondition" });
    assert.deepEqual((await admin.unary(service.TaintX509Authority, old)).tainted_authority, first);
    const bundle = await admin.unary(bundleService.GetBundle, {});
    assert.deepEqual(bundle.x509_authorities.map(({ tainted }) => tainted).sort(), [false, true]);
    assert.equal(bundle.sequence_number > "1", true);
    const { revoked_authority: revoked } = await admin.unary(service.RevokeX509Authority, old);
    assert.equal(revoked?.authority_id, first?.authority_id);
    assert.equal((await admin.unary(bundleService.GetBundle, {})).x509_authorities.length, 1);
    for (const method of [service.TaintX509UpstreamAuthority, service.RevokeX509UpstreamAuthority]) {
      await assert.rejects(admin.unary(method, { subject_key_id: "aa" }), {
        code: "ERR_UPSTREAM_AUTHORITY",
        status: "failedPrecondition",
      });
    }
  });

  it("JWT: the tainted key is marked in the bundle; tokens keep the revocation waiting unless forced", async () => {
    const { admin } = world;
    const first = (await admin.unary(service.GetJWTAuthorityState, {})).active?.authority_id ?? "";
    const { prepared_authority: prepared } = await admin.unary(service.PrepareJWTAuthority, {});
    await admin.unary(service.ActivateJWTAuthority, { authority_id: prepared?.authority_id ?? "" });
    const { tainted_authority: tainted } = await admin.unary(service.TaintJWTAuthority, { authority_id: first });
    assert.equal(tainted?.expires_at, "0");
    const { jwt_authorities: keys } = await admin.unary(bundleService.GetBundle, {});
    assert.deepEqual(
      keys.filter((key) => key.tainted).map(({ key_id }) => key_id),
      [first],
    );
    const authority = { kind: "jwt", id: first };
    const check = await admin.unary(revocationService.CheckRevocation, { authority });
    assert.deepEqual(
      check.obstacles.map(({ reason }) => reason),
      ["jwt_svids"],
    );
    await assert.rejects(admin.unary(revocationService.Revoke, { authority }), { code: "ERR_REVOCATION_UNSAFE" });
    const forced = await admin.unary(revocationService.Revoke, { authority, force: true });
    assert.deepEqual([forced.revoked_authority?.authority_id, forced.obstacles.length], [first, 1]);
    assert.equal((await admin.unary(bundleService.GetBundle, {})).jwt_authorities.length, 1);
  });

  it("names every agent that may still rest on an authority, and revokes when none does", async () => {
    const { admin } = world;
    const [pushed, polling, away] = [await world.agent(), await world.agent(), await world.agent()];
    const id = await rotate(admin);
    const authority = { kind: "x509", id };
    await assert.rejects(admin.unary(revocationService.CheckRevocation, { authority }), {
      code: "ERR_AUTHORITY_TRANSITION",
    });
    await admin.unary(service.TaintX509Authority, { authority_id: id });
    const stream = new SyncingAgent(world.dialAs(pushed));
    await stream.entries();
    const reasons = async (): Promise<Readonly<Record<string, string>>> => {
      const { obstacles, safe } = await admin.unary(revocationService.CheckRevocation, { authority });
      assert.equal(safe, obstacles.length === 0);
      return Object.fromEntries(obstacles.map(({ agent_id, reason }) => [agent_id?.path ?? "", reason]));
    };
    const path = (agent: TestAgent): string => agent.svid.id.path;
    assert.deepEqual(await reasons(), {
      [path(pushed)]: "agent_svid",
      [path(polling)]: "agent_away",
      [path(away)]: "agent_away",
    });
    await assert.rejects(admin.unary(revocationService.Revoke, { authority }), {
      code: "ERR_REVOCATION_UNSAFE",
      status: "failedPrecondition",
      message: /and 2 more obstacles/,
    });

    const second = new SyncingAgent(world.dialAs(await renewed(world, pushed)));
    const page = await second.entries();
    assert.equal((await reasons())[path(pushed)], "workload_svids");
    second.say({ kind: "ack", type: "distrust", position: page.position, pendingEntryIds: ["e"] });
    await world.admin.unary(agentService.DeleteAgent, { id: { trust_domain: "example.org", path: path(away) } });
    assert.deepEqual(await reasons(), { [path(pushed)]: "workload_svids", [path(polling)]: "agent_away" });
    second.say({ kind: "ack", type: "distrust", position: page.position, pendingEntryIds: [] });
    await world.dialAs(await renewed(world, polling)).unary(agentService.PostStatus, { agent_version: "1" });
    assert.deepEqual(await reasons(), {});
    const { unknowns } = await admin.unary(revocationService.CheckRevocation, { authority });
    assert.match(unknowns.join(), /1 agents poll/);
    await admin.unary(revocationService.Revoke, { authority });
    await assert.rejects(world.dialAs(pushed).unary(agentService.PostStatus, {}), "its authority is gone");
    second.end();
    stream.end();
  });

  it("knows after a restart under which authority each agent was last seen", async () => {
    const directory = await mkdtemp(join(tmpdir(), "cs-revocation-"));
    const kept = { directory, keyManager: new MemoryKeyManager() };
    // What is seen after a taint is seen in a later second.
    let skewMs = 0;
    const clock: Clock = {
      now: () => systemClock.now() + skewMs,
      monotonic: () => systemClock.monotonic(),
      setTimer: (delayMs, task) => systemClock.setTimer(delayMs, task),
      sleep: (delayMs, options) => systemClock.sleep(delayMs, options),
    };
    try {
      const ids = new Map<string, string>();
      let id = "";
      {
        await using first = await TestServer.start({ kept, clock });
        const named = async (name: string): Promise<TestAgent> => {
          const agent = await first.agent(name);
          ids.set(agent.svid.id.path, name);
          return agent;
        };
        const [polled, pushed] = [await named("polled"), await named("pushed")];
        await named("left");
        id = await rotate(first.admin);
        await first.admin.unary(service.TaintX509Authority, { authority_id: id });
        skewMs = 2_000;
        await first.dialAs(await renewed(first, polled)).unary(agentService.PostStatus, { agent_version: "1" });
        const stream = new SyncingAgent(first.dialAs(await renewed(first, pushed)));
        await stream.entries();
        stream.end();
      }
      await using second = await TestServer.start({ kept, clock });
      const { obstacles, unknowns } = await second.admin.unary(revocationService.CheckRevocation, {
        authority: { kind: "x509", id },
      });
      const away = (rest: string): string => `agent_away: the agent is not connected: ${rest}`;
      const found = obstacles.map((one): [string, string] => [
        ids.get(one.agent_id?.path ?? "") ?? "",
        `${one.reason}: ${one.message}`,
      ]);
      // The one that polls was back after the taint, with an SVID of the new authority; nobody waits for it.
      assert.deepEqual(Object.fromEntries(found), {
        left: away("its SVID rests on it, and those of its workloads may"),
        pushed: away("the SVIDs of its workloads may rest on it"),
      });
      assert.match(unknowns.join(), /1 agents poll/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("shows another SVID of its own once its authority is tainted", async () => {
    const issuerShown = async (): Promise<string | undefined> => {
      let shown: string | undefined;
      const channel = world.dial(undefined, (chain) => {
        shown = chain[0]?.authorityKeyId;
      });
      await channel.unary(bundleService.GetBundle, {});
      channel.close();
      return shown;
    };
    const id = await rotate(world.admin);
    assert.equal(await issuerShown(), id);
    await world.admin.unary(service.TaintX509Authority, { authority_id: id });
    for (let tries = 0; (await issuerShown()) === id; tries += 1) assert.ok(tries < 50, "still the tainted one");
  });

  it("says which of the fields of a revocation is wrong", async () => {
    for (const authority of [undefined, { kind: "x", id: "" }]) {
      await assert.rejects(world.admin.unary(revocationService.Revoke, authority ? { authority } : {}), {
        code: "ERR_MALFORMED_REQUEST",
      });
    }
  });

  it("distrusts what AppendBundle put into the bundle, and never its own authorities that way", async () => {
    const { admin } = world;
    const authority = new TestAuthority(TrustDomain.parse("example.org"), {
      notBeforeMs: Date.now() - 1_000,
      notAfterMs: Date.now() + 60_000,
    });
    const appended = { subject_key_ids: [authority.certificate.subjectKeyId ?? ""], jwt_key_ids: ["appended"] };
    const key = { public_key: Buffer.from(authority.jwtAuthority().spkiDer), key_id: "appended", expires_at: "0" };
    await admin.unary(bundleService.AppendBundle, {
      x509_authorities: [{ asn1: Buffer.from(authority.certificate.der) }],
      jwt_authorities: [key],
    });
    const distrust = (request: object) => admin.unary(revocationService.Distrust, request);
    const tainted = await distrust(appended);
    const roots = (tainted.bundle?.x509_authorities ?? []).filter(({ asn1 }) => asn1.equals(authority.certificate.der));
    const keys = (tainted.bundle?.jwt_authorities ?? []).filter(({ key_id }) => key_id === "appended");
    assert.deepEqual([roots.map((one) => one.tainted), keys.map((one) => one.tainted)], [[true], [true]]);
    const before = await admin.unary(bundleService.GetBundle, {});
    const x509 = (await admin.unary(service.GetX509AuthorityState, {})).active?.authority_id ?? "";
    const jwt = (await admin.unary(service.GetJWTAuthorityState, {})).active?.authority_id ?? "";
    for (const remove of [false, true]) {
      for (const request of [
        {},
        { subject_key_ids: [""] },
        { ...appended, subject_key_ids: [x509] },
        { ...appended, jwt_key_ids: [jwt] },
      ])
        await assert.rejects(distrust({ ...request, remove }), { code: "ERR_AUTHORITY_ID" });
    }
    assert.deepEqual(await admin.unary(bundleService.GetBundle, {}), before);
    const { bundle } = await distrust({ ...appended, remove: true });
    assert.deepEqual(
      [bundle?.x509_authorities.length, bundle?.jwt_authorities.length],
      [before.x509_authorities.length - 1, before.jwt_authorities.length - 1],
    );
    assert.deepEqual((await distrust({ ...appended, remove: true })).bundle, bundle, "again: nothing changes");
  });
});
