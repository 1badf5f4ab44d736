// needs: time; budget: 480; waits
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WorkloadApiClient, X509Source } from "../../../sdk/index.ts";
import { TrustDomain, verifyX509Svid } from "../../../spiffe/index.ts";
import { type AgentHandle, System } from "../../env/system.ts";

const settings = { ca_ttl: "90s", default_x509_svid_ttl: "15s", agent_ttl: "15s", default_jwt_svid_ttl: "15s" };

/** One server with one agent, under the agent of another or at the top. */
interface Level {
  readonly system: System;
  readonly agent: AgentHandle;
}

async function level(name: string, above: Level | undefined, stack: AsyncDisposableStack): Promise<Level> {
  const environment: Record<string, string> = {};
  if (above !== undefined) {
    await above.system.createEntry(above.agent, { path: `/server/${name}`, flags: ["--downstream"] });
    environment["COUNTERSIGN_SERVER_UPSTREAM_AUTHORITY_TYPE"] = "spire";
    const [host = "", port = ""] = above.system.address.split(":");
    environment["COUNTERSIGN_SERVER_UPSTREAM_AUTHORITY_SERVER_ADDRESS"] = host;
    environment["COUNTERSIGN_SERVER_UPSTREAM_AUTHORITY_SERVER_PORT"] = port;
    environment["COUNTERSIGN_SERVER_UPSTREAM_AUTHORITY_WORKLOAD_API_SOCKET"] = above.agent.socket;
  }
  const system = stack.use(await System.start({ settings, spawn: { environment } }));
  const agent = await system.startAgent(name);
  return { system, agent };
}

async function workload({ system, agent }: Level, path: string, stack: AsyncDisposableStack) {
  await system.createEntry(agent, { path });
  const endpoint = `unix://${agent.socket}`;
  const pick = (svids: X509Source["svids"]) => svids.find(({ id }) => id.path === path);
  const source = stack.use(await X509Source.open({ endpoint, pick }));
  const client = WorkloadApiClient.create({ endpoint });
  stack.defer(() => client.close());
  return { source, client, path };
}

/** Several turns of the CAs of every level. */
const watchMs = 300_000;

describe("three servers under one another, one trust domain", () => {
  const stack = new AsyncDisposableStack();
  afterEach(() => stack.disposeAsync());

  it("cross-validate X.509- and JWT-SVIDs of every level while they are renewed", async () => {
    const root = await level("root", undefined, stack);
    const middle = await level("middle", root, stack);
    const leaf = await level("leaf", middle, stack);
    const workloads = [
      await workload(root, "/at/root", stack),
      await workload(middle, "/at/middle", stack),
      await workload(leaf, "/at/leaf", stack),
    ];
    const trustDomain = TrustDomain.parse("test.example");
    const issuers = new Map<string, Set<string>>(workloads.map(({ path }) => [path, new Set()]));
    const serials = new Map<string, Set<string>>(workloads.map(({ path }) => [path, new Set()]));
    const until = Date.now() + watchMs;
    let rounds = 0;
    while (Date.now() < until) {
      for (const from of workloads) {
        const { svid } = from.source;
        serials.get(from.path)?.add(svid.chain[0]?.serialNumber ?? "");
        issuers.get(from.path)?.add(svid.chain[0]?.authorityKeyId ?? "");
        const [own] = await from.client.fetchJwtSvids({ audience: ["all"], spiffeId: svid.id });
        assert.ok(own !== undefined);
        for (const at of workloads) {
          const { id } = verifyX509Svid({ chain: svid.chain, bundles: at.source, atMs: Date.now(), usage: "any" });
          assert.equal(id.path, from.path);
          const validated = await at.client.validateJwtSvid("all", own.token);
          assert.equal(validated.id.path, from.path, `a token of ${from.path} at ${at.path}`);
        }
      }
      rounds += 1;
      await sleep(1_000);
    }
    assert.ok(rounds > watchMs / 1_000 / 3, `${rounds} rounds`);
    for (const { path, source } of workloads) {
      assert.ok((serials.get(path)?.size ?? 0) >= 20, `${path} had ${serials.get(path)?.size} SVIDs`);
      assert.ok((issuers.get(path)?.size ?? 0) >= 3, `${path} had ${issuers.get(path)?.size} issuers`);
      const bundle = source.get(trustDomain);
      assert.ok((bundle?.x509Authorities.length ?? 99) <= 6, `${bundle?.x509Authorities.length} authorities`);
    }
    const depths = workloads.map(({ source }) => source.svid.chain.length);
    assert.deepEqual(depths, [1, 2, 3], "each level adds its CA to the chain");
  });
});
