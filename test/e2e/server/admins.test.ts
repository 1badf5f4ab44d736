import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeBundle } from "../../../proto/convert/bundle.ts";
import { agentService, bundleService } from "../../../proto/services.ts";
import { SpiffeId, type X509Svid } from "../../../spiffe/index.ts";
import { type RpcChannel, ServiceError } from "../../../transport/index.ts";
import { TestCa } from "../../fakes/test-ca.ts";
import { TestServer } from "../../fakes/test-server.ts";

const count = (channel: RpcChannel): Promise<unknown> => channel.unary(agentService.CountAgents, {});

function dial(world: TestServer, svid: X509Svid): RpcChannel {
  return world.dial({ chain: svid.chain.map(({ der }) => der), key: svid.key });
}

function refusedAtHandshake(error: unknown): true {
  assert.ok(error instanceof ServiceError, String(error));
  assert.ok(["ERR_CONNECT_FAILED", "ERR_CONNECTION_LOST"].includes(error.code), error.code);
  return true;
}

describe("an administrator of a federated trust domain", () => {
  it("is let in by that domain's own bundle alone, and only as long as it is there", async () => {
    const adminIds = [SpiffeId.parse("spiffe://other.test/ops")];
    await using world = await TestServer.start({ config: { adminIds } });
    const other = await TestCa.create("other.test");
    const ops = await other.issue("/ops");
    await assert.rejects(count(dial(world, ops)), refusedAtHandshake, "there is no bundle yet");

    const { results } = await world.admin.unary(bundleService.BatchSetFederatedBundle, {
      bundle: [encodeBundle(other.bundle, undefined)],
    });
    assert.equal(results[0]?.status?.code, 0);
    const channel = dial(world, ops);
    await count(channel);
    await assert.rejects(channel.unary(agentService.PostStatus, {}), { status: "permissionDenied" });

    await assert.rejects(count(dial(world, await other.issue("/web"))), refusedAtHandshake, "no configured admin");
    const impostor = await TestCa.create("other.test");
    await assert.rejects(count(dial(world, await impostor.issue("/ops"))), refusedAtHandshake, "another authority");
    const own = await TestCa.create("example.org");
    await assert.rejects(
      count(dial(world, await own.issue("/ops"))),
      refusedAtHandshake,
      "our name, not our authority",
    );

    await world.admin.unary(bundleService.BatchDeleteFederatedBundle, { trust_domains: ["other.test"] });
    await assert.rejects(count(channel), { code: "ERR_CALLER_DISTRUSTED" });
    await assert.rejects(count(dial(world, ops)), refusedAtHandshake);
  });
});

describe("an agent that is an administrator too", () => {
  it("administers until it is banned or evicted", async () => {
    for (const [end, code] of [
      [agentService.BanAgent, "ERR_AGENT_BANNED"],
      [agentService.DeleteAgent, "ERR_AGENT_NOT_ATTESTED"],
    ] as const) {
      const id = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/chief");
      await using world = await TestServer.start({ config: { adminIds: [id] } });
      const channel = world.dialAs(await world.agent("chief"));
      await count(channel);
      await assert.rejects(count(world.dialAs(await world.agent("worker"))), { code: "ERR_NOT_AUTHORIZED" });
      await world.admin.unary(end, { id: { trust_domain: "example.org", path: id.path } });
      await assert.rejects(count(channel), { code });
    }
  });
});
