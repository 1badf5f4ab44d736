import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildCsr, Certificate, generateKey } from "../../../certs/index.ts";
import { agentService, bundleService, svidService } from "../../../proto/services.ts";
import { verifyX509Svid } from "../../../spiffe/index.ts";
import { ServiceError } from "../../../transport/index.ts";
import { serialOf, TestServer } from "../../fakes/test-server.ts";

function refusal(error: unknown): { code: string; status: string; message: string } {
  assert.ok(error instanceof ServiceError, String(error));
  return { code: error.code, status: error.status, message: error.message };
}

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _message of messages);
}

describe("node attestation on real sockets", () => {
  let world: TestServer;
  before(async () => {
    world = await TestServer.start();
  });
  after(() => world[Symbol.asyncDispose]());

  it("gives an agent that shows a join token an SVID under the bundle", async () => {
    const agent = await world.agent("first");
    assert.equal(agent.svid.id.toString(), "spiffe://example.org/spire/agent/join_token/first");
    const chain = agent.svid.chain.map((der) => Certificate.parse(der));
    const bundles = { get: () => world.server.core.registry.bundle(world.config.trustDomain) };
    const { id } = verifyX509Svid({ chain, bundles, atMs: Date.now(), usage: "client" });
    assert.ok(id.equals(agent.svid.id));
    const stored = await world.admin.unary(agentService.GetAgent, {
      id: { trust_domain: "example.org", path: agent.svid.id.path },
    });
    assert.equal(stored.x509svid_serial_number, agent.serialNumber);
    assert.deepEqual([stored.attestation_type, stored.can_reattest, stored.banned], ["join_token", false, false]);
  });

  it("refuses a token that is unknown, used, expired or no path segment", async () => {
    const token = await world.createToken({ token: "once" });
    await world.attest(token);
    for (const value of [token, "never-made", "../server", "a/b"]) {
      await assert.rejects(world.attest(value), (error) => {
        assert.deepEqual(refusal(error), {
          code: "ERR_JOIN_TOKEN_REFUSED",
          status: "invalidArgument",
          message: "join token does not exist or has already been used",
        });
        return true;
      });
    }
  });

  it("lets exactly one of 20 clients in with one token", async () => {
    const token = await world.createToken();
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => world.attest(token)));
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") assert.equal(refusal(outcome.reason).code, "ERR_JOIN_TOKEN_REFUSED");
    }
  });

  it("refuses a request signed by another key, and the token stays good", async () => {
    const token = await world.createToken();
    const csr = Buffer.from(buildCsr({ key: await generateKey("ec-p256") }));
    csr[csr.length - 1] = (csr[csr.length - 1] ?? 0) ^ 1;
    await assert.rejects(world.attest(token, { csr }), (error) => /^ERR_CSR_/.test(refusal(error).code));
    await assert.rejects(world.attest(token, { csr: Buffer.from("no request") }), { code: "ERR_CSR_MALFORMED" });
    await world.attest(token);
  });

  it("refuses an attestor that is not configured, and every missing part by name", async () => {
    await assert.rejects(world.attest("x", { type: "k8s_psat" }), {
      code: "ERR_ATTESTOR_UNKNOWN",
      status: "failedPrecondition",
    });
    const csr = Buffer.from([1]);
    const payload = Buffer.from("x");
    const cases = [
      [{}, "missing params"],
      [{ params: {} }, "missing attestation data"],
      [{ params: { data: { type: "t", payload } } }, "missing X509-SVID parameters"],
      [{ params: { data: { type: "t", payload }, params: {} } }, "missing CSR"],
      [{ params: { data: { payload }, params: { csr } } }, "missing attestation data type"],
      [{ params: { data: { type: "t" }, params: { csr } } }, "missing attestation data payload"],
    ] as const;
    const channel = world.dial();
    for (const [message, text] of cases) {
      const call = channel.bidi(agentService.AttestAgent);
      call.send(message);
      await assert.rejects(drain(call.responses), {
        code: "ERR_MALFORMED_REQUEST",
        message: `malformed param: ${text}`,
      });
    }
    const silent = channel.bidi(agentService.AttestAgent);
    silent.end();
    await assert.rejects(drain(silent.responses), { code: "ERR_MALFORMED_REQUEST" });
  });

  it("does not let a banned agent attest, nor one that attested already; eviction lifts both", async () => {
    const agent = await world.agent("banned");
    const id = { trust_domain: "example.org", path: agent.svid.id.path };
    await assert.rejects(world.agent("banned"), { code: "ERR_ATTEST_AGAIN", status: "permissionDenied" });
    await assert.rejects(world.createToken({ token: "banned" }), { code: "ERR_JOIN_TOKEN_EXISTS" });
    await world.admin.unary(agentService.BanAgent, { id });
    await assert.rejects(world.attest("banned"), (error) => {
      assert.ok(error instanceof ServiceError);
      assert.deepEqual(refusal(error), {
        code: "ERR_ATTEST_BANNED",
        status: "permissionDenied",
        message: "failed to attest: agent is banned",
      });
      assert.ok(!error.details.some(({ kind }) => kind === "permission-denied"));
      return true;
    });
    await world.admin.unary(agentService.DeleteAgent, { id });
    const again = await world.attest("banned");
    assert.ok(again.svid.id.equals(agent.svid.id));
  });

  it("makes an alias entry for a token with an agent id", async () => {
    const alias = { trust_domain: "example.org", path: "/rack/1" };
    const { value } = await world.admin.unary(agentService.CreateJoinToken, { ttl: 60, agent_id: alias });
    const agent = await world.attest(value);
    const entry = await world.createEntry(agent, "/under-alias", { parent_id: alias });
    const key = await generateKey("ec-p256");
    const { results } = await world.dialAs(agent).unary(svidService.BatchNewX509SVID, {
      params: [{ entry_id: entry, csr: Buffer.from(buildCsr({ key })) }],
    });
    assert.equal(results[0]?.status?.code, 0);
    await assert.rejects(
      world.admin.unary(agentService.CreateJoinToken, {
        ttl: 60,
        agent_id: { trust_domain: "other.test", path: "/x" },
      }),
      { code: "ERR_MALFORMED_REQUEST" },
    );
  });

  it("makes no token where nobody could attest with it", async () => {
    await using strict = await TestServer.start({
      config: { nodeAttestors: { joinToken: false, x509pop: undefined } },
    });
    await assert.rejects(strict.createToken(), { code: "ERR_JOIN_TOKEN_DISABLED", status: "failedPrecondition" });
    await assert.rejects(strict.attest("any"), { code: "ERR_ATTESTOR_UNKNOWN" });
  });

  it("checks what a token may look like", async () => {
    await assert.rejects(world.admin.unary(agentService.CreateJoinToken, {}), {
      message: "ttl is required, you must provide one",
    });
    for (const token of ["a/b", "..", "a b", "x".repeat(256)]) {
      await assert.rejects(world.createToken({ token }), { code: "ERR_JOIN_TOKEN_VALUE" });
    }
    assert.match(await world.createToken(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("renews in two phases: both serial numbers work until the new one is used, then only the new one", async () => {
    const agent = await world.agent();
    const old = world.dialAs(agent);
    const key = await generateKey("ec-p256");
    const { svid } = await old.unary(agentService.RenewAgent, { params: { csr: Buffer.from(buildCsr({ key })) } });
    assert.ok(svid !== null);
    await old.unary(agentService.PostStatus, { agent_version: "1" });
    const renewed = { svid: { ...agent.svid, chain: svid.cert_chain }, key, serialNumber: "" };
    assert.notEqual(serialOf(renewed.svid), agent.serialNumber);
    await world.dialAs(renewed).unary(agentService.PostStatus, { agent_version: "2" });
    await assert.rejects(old.unary(agentService.PostStatus, { agent_version: "3" }), (error) => {
      assert.ok(error instanceof ServiceError);
      assert.equal(error.code, "ERR_AGENT_NOT_ACTIVE");
      assert.deepEqual(error.details[0], { kind: "permission-denied", reason: "agentNotActive" });
      return true;
    });
    const { agents } = await world.admin.unary(agentService.ListAgents, { filter: { by_banned: { value: false } } });
    const stored = agents.find(({ id }) => id?.path === agent.svid.id.path);
    assert.equal(stored?.agent_version, "2");
  });

  it("refuses malformed renewals and over-long versions", async () => {
    const channel = world.dialAs(await world.agent());
    await assert.rejects(channel.unary(agentService.RenewAgent, {}), { message: "params cannot be nil" });
    await assert.rejects(channel.unary(agentService.RenewAgent, { params: {} }), { message: "missing CSR" });
    await assert.rejects(channel.unary(agentService.RenewAgent, { params: { csr: Buffer.from("x") } }), {
      code: "ERR_CSR_MALFORMED",
    });
    await assert.rejects(channel.unary(agentService.PostStatus, { agent_version: "x".repeat(256) }), {
      code: "ERR_MALFORMED_REQUEST",
    });
  });

  it("tells anybody the bundle, masked as asked", async () => {
    const bundle = await world.dial().unary(bundleService.GetBundle, {});
    assert.deepEqual(
      [bundle.trust_domain, bundle.x509_authorities.length, bundle.jwt_authorities.length],
      ["example.org", 1, 1],
    );
    const masked = await world.dial().unary(bundleService.GetBundle, { output_mask: { sequence_number: true } });
    assert.deepEqual([masked.trust_domain, masked.x509_authorities.length], ["example.org", 0]);
  });
});
