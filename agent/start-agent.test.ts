import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock, systemRandom } from "../runtime/core/index.ts";
import { SpiffeId, TrustDomain } from "../spiffe/index.ts";
import { AgentStand } from "../test/fakes/agent-stand.ts";
import { selectors } from "../test/fakes/agent-world.ts";
import { FakeServer } from "../test/fakes/fake-server-link.ts";

const trustDomain = TrustDomain.parse("example.org");
const uid = process.getuid?.() ?? 0;
const mine = { id: "web", spiffeId: "spiffe://example.org/web", selectors: selectors(`unix:uid:${uid}`) };

describe("an agent on real sockets", () => {
  it("attests with a join token, and a workload gets its SVID", async () => {
    await using stand = await AgentStand.create();
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
    assert.equal((await stat(join(stand.config.dataDir, "identity.json"))).mode & 0o777, 0o600);
    assert.equal((await stat(join(stand.config.dataDir, "bundle.json"))).mode & 0o777, 0o600);
  });

  it("holds a caller from before the attestation until its entry exists", async () => {
    await using stand = await AgentStand.create();
    await using agent = await stand.start();
    const fetched = stand.fetch();
    await agent.ready;
    stand.server.putEntry(mine);
    assert.deepEqual(await fetched, ["spiffe://example.org/web"]);
  });

  it("takes its identity from the data directory after a restart", async () => {
    await using stand = await AgentStand.create();
    stand.server.putEntry(mine);
    const first = await stand.start();
    await first.ready;
    const before = await readFile(join(stand.config.dataDir, "identity.json"), "utf8");
    await first.close();
    stand.config = {
      ...stand.config,
      attestor: { kind: "join_token", token: { kind: "none" } },
      bootstrap: { kind: "none" },
    };
    await using second = await stand.start();
    await second.ready;
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
    assert.equal(await readFile(join(stand.config.dataDir, "identity.json"), "utf8"), before);
  });

  it("sends no join token to a server of another name", async () => {
    await using stand = await AgentStand.create({ id: SpiffeId.parse("spiffe://example.org/not-the-server") });
    await using agent = await stand.start();
    await Promise.race([agent.ready, systemClock.sleep(300)]);
    assert.notEqual(agent.state.notReady, undefined);
    assert.deepEqual(stand.server.log, []);
    assert.ok(stand.server.tokens.has("token-1"));
  });

  it("sends no join token to a server of the right name under another CA", async () => {
    const real = await FakeServer.create(trustDomain, systemClock, systemRandom);
    await using stand = await AgentStand.create();
    const path = join(stand.folder, "bundle.json");
    const { writeFile } = await import("node:fs/promises");
    await writeFile(path, real.issuer.bundle().toJwks());
    stand.config = { ...stand.config, bootstrap: { kind: "file", path } };
    await using agent = await stand.start();
    await Promise.race([agent.ready, systemClock.sleep(300)]);
    assert.notEqual(agent.state.notReady, undefined);
    assert.deepEqual(stand.server.log, []);
  });

  it("ends with the code of the refusal when its token is used up", async () => {
    await using stand = await AgentStand.create();
    stand.server.tokens.clear();
    await using agent = await stand.start();
    await assert.rejects(agent.ended, { code: "ERR_ATTESTATION_REFUSED" });
  });

  it("moves to a new connection at renewal without a gap in the stream", async () => {
    await using stand = await AgentStand.create();
    stand.server.agentTtl = 2;
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    const renewed = (): boolean => stand.server.log.filter((line) => line === "renew").length >= 2;
    for (let wait = 0; wait < 100 && !renewed(); wait += 1) await systemClock.sleep(50);
    assert.ok(renewed());
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
    assert.equal(agent.state.notReady, undefined);
    assert.ok(stand.server.streams <= 2);
  });
});
