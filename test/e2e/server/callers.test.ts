import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildCsr, generateKey } from "../../../certs/index.ts";
import {
  agentService,
  bundleService,
  entryService,
  healthService,
  localAuthorityService,
  revocationService,
  svidService,
  syncService,
} from "../../../proto/services.ts";
import { loadServerConfig } from "../../../server/config/index.ts";
import { serverErrors } from "../../../server/errors.ts";
import type { Store } from "../../../server/store/ports.ts";
import { SpiffeId } from "../../../spiffe/index.ts";
import { type RpcChannel, ServiceError } from "../../../transport/index.ts";
import { TestCa } from "../../fakes/test-ca.ts";
import { type TestAgent, TestServer } from "../../fakes/test-server.ts";

type Attempt = (channel: RpcChannel) => Promise<unknown>;

const id = { trust_domain: "example.org", path: "/spire/agent/join_token/nobody" };

const forAdministrators: Readonly<Record<string, Attempt>> = {
  CountAgents: (channel) => channel.unary(agentService.CountAgents, {}),
  ListAgents: (channel) => channel.unary(agentService.ListAgents, {}),
  GetAgent: (channel) => channel.unary(agentService.GetAgent, { id }),
  DeleteAgent: (channel) => channel.unary(agentService.DeleteAgent, { id }),
  BanAgent: (channel) => channel.unary(agentService.BanAgent, { id }),
  CreateJoinToken: (channel) => channel.unary(agentService.CreateJoinToken, { ttl: 1 }),
  CountEntries: (channel) => channel.unary(entryService.CountEntries, {}),
  ListEntries: (channel) => channel.unary(entryService.ListEntries, {}),
  GetEntry: (channel) => channel.unary(entryService.GetEntry, { id: "x" }),
  BatchCreateEntry: (channel) => channel.unary(entryService.BatchCreateEntry, {}),
  BatchUpdateEntry: (channel) => channel.unary(entryService.BatchUpdateEntry, {}),
  BatchDeleteEntry: (channel) => channel.unary(entryService.BatchDeleteEntry, {}),
  WaitApplied: (channel) => channel.unary(syncService.WaitApplied, { entry_ids: ["x"] }),
  ListConnections: (channel) => channel.unary(syncService.ListConnections, {}),
  MintX509SVID: (channel) => channel.unary(svidService.MintX509SVID, {}),
  MintJWTSVID: (channel) => channel.unary(svidService.MintJWTSVID, { id, audience: ["a"] }),
  ...localAuthorityAttempts(),
  CheckRevocation: (channel) => channel.unary(revocationService.CheckRevocation, {}),
  Revoke: (channel) => channel.unary(revocationService.Revoke, {}),
  Distrust: (channel) => channel.unary(revocationService.Distrust, {}),
};

/** All but the ones for WIT keys. */
function localAuthorityAttempts(): Readonly<Record<string, Attempt>> {
  const service = localAuthorityService;
  return {
    GetJWTAuthorityState: (channel) => channel.unary(service.GetJWTAuthorityState, {}),
    PrepareJWTAuthority: (channel) => channel.unary(service.PrepareJWTAuthority, {}),
    ActivateJWTAuthority: (channel) => channel.unary(service.ActivateJWTAuthority, {}),
    TaintJWTAuthority: (channel) => channel.unary(service.TaintJWTAuthority, {}),
    RevokeJWTAuthority: (channel) => channel.unary(service.RevokeJWTAuthority, {}),
    GetX509AuthorityState: (channel) => channel.unary(service.GetX509AuthorityState, {}),
    PrepareX509Authority: (channel) => channel.unary(service.PrepareX509Authority, {}),
    ActivateX509Authority: (channel) => channel.unary(service.ActivateX509Authority, {}),
    TaintX509Authority: (channel) => channel.unary(service.TaintX509Authority, {}),
    RevokeX509Authority: (channel) => channel.unary(service.RevokeX509Authority, {}),
    TaintX509UpstreamAuthority: (channel) => channel.unary(service.TaintX509UpstreamAuthority, {}),
    RevokeX509UpstreamAuthority: (channel) => channel.unary(service.RevokeX509UpstreamAuthority, {}),
  };
}

const forAgents: Readonly<Record<string, Attempt>> = {
  RenewAgent: (channel) => channel.unary(agentService.RenewAgent, {}),
  PostStatus: (channel) => channel.unary(agentService.PostStatus, {}),
  BatchNewX509SVID: (channel) => channel.unary(svidService.BatchNewX509SVID, {}),
  NewJWTSVID: (channel) => channel.unary(svidService.NewJWTSVID, { entry_id: "x", audience: ["a"] }),
  GetAuthorizedEntries: (channel) => channel.unary(entryService.GetAuthorizedEntries, {}),
  SyncAuthorizedEntries: async (channel) => {
    for await (const _message of channel.bidi(entryService.SyncAuthorizedEntries).responses);
  },
  Open: async (channel) => {
    for await (const _message of channel.bidi(syncService.Open).responses);
  },
};

function notAuthorized(error: unknown): true {
  assert.ok(error instanceof ServiceError, String(error));
  assert.deepEqual([error.code, error.status], ["ERR_NOT_AUTHORIZED", "permissionDenied"]);
  assert.match(error.message, /^authorization denied for method \//);
  return true;
}

describe("callers on real sockets", () => {
  let world: TestServer;
  let agent: TestAgent;
  before(async () => {
    world = await TestServer.start();
    agent = await world.agent("callers");
  });
  after(() => world[Symbol.asyncDispose]());

  it("keeps administration from strangers and agents, whatever they send", async () => {
    const channels = [world.dial(), world.dialAs(agent)];
    for (const [name, attempt] of Object.entries(forAdministrators)) {
      for (const channel of channels) await assert.rejects(attempt(channel), notAuthorized, name);
    }
  });

  it("decodes nothing that a stranger sends to a method that is not for strangers", async () => {
    const undecodable = { ...entryService.BatchCreateEntry, requestSerialize: () => Buffer.from([0x0a, 0xff]) };
    await assert.rejects(world.dial().unary(undecodable, {}), notAuthorized);
    await assert.rejects(world.admin.unary(undecodable, {}), { code: "ERR_MALFORMED_REQUEST" });
  });

  it("keeps agents' methods from strangers and from the admin socket", async () => {
    const stranger = world.dial();
    for (const [name, attempt] of Object.entries(forAgents)) {
      for (const channel of [stranger, world.admin]) await assert.rejects(attempt(channel), notAuthorized, name);
    }
  });

  it("answers health on the admin socket alone, and of no named service", async () => {
    const { status } = await world.admin.unary(healthService.Check, {});
    assert.equal(status, 1);
    await assert.rejects(world.admin.unary(healthService.Check, { service: "x" }), { status: "invalidArgument" });
    await assert.rejects(world.dial().unary(healthService.Check, {}), notAuthorized);
  });

  it("says Unimplemented for what it does not serve", async () => {
    await assert.rejects(world.admin.unary(bundleService.PublishWITAuthority, {}), { status: "unimplemented" });
    await assert.rejects(world.admin.unary(svidService.MintWITSVID, {}), { status: "unimplemented" });
    await assert.rejects(world.admin.unary(localAuthorityService.PrepareWITAuthority, {}), { status: "unimplemented" });
  });

  it("lets a workload whose entry has the admin flag administer, and stops when the flag goes", async () => {
    const entryId = await world.createEntry(agent, "/boss", { admin: true });
    const key = await generateKey("ec-p256");
    const { results } = await world.dialAs(agent).unary(svidService.BatchNewX509SVID, {
      params: [{ entry_id: entryId, csr: Buffer.from(buildCsr({ key })) }],
    });
    const boss = world.dial({ chain: results[0]?.svid?.cert_chain ?? [], key });
    for (const [name, attempt] of Object.entries(forAdministrators)) {
      await attempt(boss).catch((error: unknown) => {
        assert.ok(error instanceof ServiceError);
        assert.notEqual(error.code, "ERR_NOT_AUTHORIZED", name);
      });
    }
    await assert.rejects(boss.unary(agentService.PostStatus, {}), { code: "ERR_AGENT_NOT_ATTESTED" });
    await world.admin.unary(entryService.BatchUpdateEntry, {
      entries: [{ id: entryId, admin: false }],
      input_mask: { admin: true },
    });
    await assert.rejects(boss.unary(agentService.CountAgents, {}), notAuthorized);
  });

  it("refuses at the handshake a certificate of a forged authority of the same name", async () => {
    const forged = await TestCa.create("example.org");
    const svid = await forged.issue(agent.svid.id.path);
    const channel = world.dial({ chain: svid.chain.map(({ der }) => der), key: svid.key });
    await assert.rejects(channel.unary(bundleService.GetBundle, {}), (error) => {
      assert.ok(error instanceof ServiceError);
      assert.ok(["ERR_CONNECT_FAILED", "ERR_CONNECTION_LOST"].includes(error.code), error.code);
      return true;
    });
  });

  it("tells a banned and an evicted agent so, with SPIRE's reasons, and ends their streams", async () => {
    for (const [end, code, reason] of [
      [agentService.BanAgent, "ERR_AGENT_BANNED", "agentBanned"],
      [agentService.DeleteAgent, "ERR_AGENT_NOT_ATTESTED", "agentNotAttested"],
    ] as const) {
      const victim = await world.agent();
      const channel = world.dialAs(victim);
      const stream = channel.bidi(syncService.Open);
      stream.send({ hello: { protocol: 1, agent_version: "t" } });
      const messages = stream.responses[Symbol.asyncIterator]();
      await messages.next();
      const startedAt = performance.now();
      await world.admin.unary(end, { id: { trust_domain: "example.org", path: victim.svid.id.path } });
      const rest = async (): Promise<void> => {
        while ((await messages.next()).done !== true);
      };
      const isRefusal = (error: unknown): true => {
        assert.ok(error instanceof ServiceError);
        assert.deepEqual([error.code, error.details[0]], [code, { kind: "permission-denied", reason }]);
        return true;
      };
      await assert.rejects(rest(), isRefusal);
      assert.ok(performance.now() - startedAt < 1_000);
      await assert.rejects(channel.unary(agentService.PostStatus, {}), isRefusal);
    }
  });
});

describe("callers: short lives, rates and a store that fails", () => {
  it("ends the stream of an agent whose SVID expires, and refuses its calls as expired", async () => {
    const ttls = { agent: 2, x509Svid: 3_600, jwtSvid: 300, ca: 86_400 };
    await using world = await TestServer.start({ config: { ttls } });
    const agent = await world.agent();
    const channel = world.dialAs(agent);
    const stream = channel.bidi(syncService.Open);
    stream.send({ hello: { protocol: 1 } });
    const drain = async (): Promise<void> => {
      for await (const _message of stream.responses);
    };
    const isExpired = (error: unknown): true => {
      assert.ok(error instanceof ServiceError);
      const [detail] = error.details;
      assert.deepEqual(
        [error.code, detail],
        ["ERR_AGENT_EXPIRED", { kind: "permission-denied", reason: "agentExpired" }],
      );
      return true;
    };
    await assert.rejects(drain(), isExpired);
    await assert.rejects(channel.unary(agentService.PostStatus, {}), isExpired);
  });

  it("limits attestation by address, with the delay in the answer, and never the admin socket", async () => {
    const rateLimits = { attest: 1, x509: 2, jwt: 1, postStatus: 10, publishJwt: 500, sync: 20, entries: 10 };
    await using world = await TestServer.start({ config: { rateLimits } });
    const agent = await world.attest(await world.createToken());
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => world.attest("nothing")));
    const codes = outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : "in"));
    assert.ok(codes.includes("ERR_RATE_LIMITED"), codes.join());
    assert.ok(codes.includes("ERR_JOIN_TOKEN_REFUSED"), codes.join());
    const params = Array.from({ length: 3 }, () => ({ entry_id: "x", csr: Buffer.from("x") }));
    await assert.rejects(world.dialAs(agent).unary(svidService.BatchNewX509SVID, { params }), {
      code: "ERR_RATE_BURST",
      status: "resourceExhausted",
      message: "rate (3) exceeds burst size (2)",
    });
    for (let n = 0; n < 20; n += 1) await world.createToken();
  });

  it("lets a hundred agents behind one address in at once, by the rates that hold unless told otherwise", async () => {
    const { rateLimits } = await loadServerConfig({ flags: { trustDomain: "example.org", dataDir: "/tmp" }, env: {} });
    assert.notEqual(rateLimits, "off");
    await using world = await TestServer.start({ config: { rateLimits } });
    const names = Array.from({ length: 100 }, (_, n) => `behind-${n}`);
    for (const token of names) await world.createToken({ token });
    // Two connections, and not a hundred handshakes at once on the one thread of a test: it is the rates that are tried.
    const channels = [world.dial(), world.dial()];
    const attested = await Promise.all(
      names.map(async (token, n) => ({
        token,
        agent: await world.attest(token, { channel: channels[n % 2] ?? world.dial() }),
      })),
    );
    for (let from = 0; from < attested.length; from += 10) {
      const ten = attested.slice(from, from + 10).map(({ token, agent }) => {
        return world.dialAs(agent).unary(agentService.PostStatus, { agent_version: token });
      });
      await Promise.all(ten);
    }
    const { agents } = await world.admin.unary(agentService.ListAgents, {});
    assert.deepEqual(agents.map(({ agent_version }) => agent_version).sort(), names.toSorted());
  });

  it("keeps good news flowing and says Unavailable instead of bad news while the store is down", async () => {
    let isDown = false;
    const down = async (): Promise<never> => Promise.reject(serverErrors.error("ERR_STORE_UNAVAILABLE", "down"));
    const wrapStore = (store: Store): Store =>
      new Proxy(store, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== "function") return value;
          return isDown && name !== "onChanges" && name !== Symbol.asyncDispose ? down : value.bind(target);
        },
      });
    await using world = await TestServer.start({ wrapStore });
    const agent = await world.agent();
    const entryId = await world.createEntry(agent, "/w");
    const channel = world.dialAs(agent);
    const banned = world.dialAs({ ...agent, svid: { ...agent.svid, id: SpiffeId.parse("spiffe://example.org/x") } });
    const csr = Buffer.from(buildCsr({ key: await generateKey("ec-p256") }));
    await channel.unary(bundleService.GetBundle, {});
    isDown = true;
    const { results } = await channel.unary(svidService.BatchNewX509SVID, {
      params: [
        { entry_id: entryId, csr },
        { entry_id: "gone", csr },
      ],
    });
    assert.deepEqual(
      results.map(({ status }) => status?.code),
      [0, 14],
    );
    await assert.rejects(channel.unary(svidService.NewJWTSVID, { entry_id: "gone", audience: ["a"] }), {
      code: "ERR_STORE_UNAVAILABLE",
    });
    await assert.rejects(world.admin.unary(entryService.GetEntry, { id: "gone" }), { code: "ERR_STORE_UNAVAILABLE" });
    assert.equal((await world.admin.unary(healthService.Check, {})).status, 2);
    isDown = false;
    await banned.unary(agentService.PostStatus, {});
    await assert.rejects(world.admin.unary(entryService.GetEntry, { id: "gone" }), { code: "ERR_ENTRY_NOT_FOUND" });
    const again = await channel.unary(svidService.BatchNewX509SVID, { params: [{ entry_id: "gone", csr }] });
    assert.deepEqual(again.results[0]?.status, { code: 5, message: "entry not found or not authorized" });
  });
});
