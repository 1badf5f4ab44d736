import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type CliResult, cli } from "../../test/fakes/cli.ts";
import { SyncingAgent } from "../../test/fakes/syncing-agent.ts";
import { type TestAgent, TestServer } from "../../test/fakes/test-server.ts";
import { exitCodes } from "../exit-codes.ts";

describe("countersign entry create --wait", () => {
  let server: TestServer;
  let prompt: TestAgent;
  let silent: TestAgent;
  let absent: TestAgent;
  const streams: SyncingAgent[] = [];
  before(async () => {
    server = await TestServer.start();
    prompt = await server.agent("prompt");
    silent = await server.agent("silent");
    absent = await server.agent("absent");
    const following = new SyncingAgent(server.dialAs(prompt));
    const deaf = new SyncingAgent(server.dialAs(silent));
    streams.push(following, deaf);
    following.acknowledge(await following.entries());
    deaf.acknowledge(await deaf.entries());
    void following.follow();
  });
  after(async () => {
    for (const stream of streams) stream.end();
    await server[Symbol.asyncDispose]();
  });

  function create(of: TestAgent | string, path: string, ...args: readonly string[]): Promise<CliResult> {
    const parent = typeof of === "string" ? of : of.svid.id.toString();
    return cli([
      ...["entry", "create", "--socket", server.config.socketPath, "--parent-id", parent],
      ...["--spiffe-id", `spiffe://example.org${path}`, "--selector", "unix:uid:1000", "--wait", ...args],
    ]);
  }

  it("ends with 0 once the agent has applied it", async () => {
    const { code, out, err } = await create(prompt, "/prompt");
    assert.deepEqual([code, err], [exitCodes.ok, ""]);
    assert.match(out, /^SPIFFE ID +: spiffe:\/\/example\.org\/prompt$/m);
    const asJson = await create(prompt, "/prompt-json", "--output", "json");
    assert.equal(asJson.code, exitCodes.ok);
    const { results, agents } = JSON.parse(asJson.out);
    assert.equal(results.length, 1);
    assert.deepEqual(agents, [
      { agent_id: { trust_domain: "example.org", path: prompt.svid.id.path }, state: "applied" },
    ]);
  });

  it("does not wait for agents that are not connected, and names them", async () => {
    const { code, err } = await create(absent, "/absent", "--timeout", "5");
    assert.equal(code, exitCodes.ok);
    assert.equal(err, `not connected: ${absent.svid.id} (it applies the change when it returns)`);
  });

  it("says that no agent serves the entry", async () => {
    const { code, out, err } = await create("spiffe://example.org/host/nobody", "/nobody");
    assert.equal(code, exitCodes.refused);
    assert.match(out, /^SPIFFE ID +: spiffe:\/\/example\.org\/nobody$/m);
    assert.match(err, /^Error: not delivered: no agent .* \(ERR_NO_AGENT\)\n +compare the parent ID/);
  });

  it("says that no node has the selectors of a node alias", async () => {
    const { code, err } = await cli([
      ...["entry", "create", "--node", "--wait", "--socket", server.config.socketPath],
      ...["--spiffe-id", "spiffe://example.org/group", "--selector", "x509pop:subject:cn:nobody"],
    ]);
    assert.equal(code, exitCodes.refused);
    assert.match(err, /no agent that the server knows has these node selectors \(ERR_NO_AGENT\)/);
  });

  it("update --wait does the same", async () => {
    const { results } = JSON.parse((await create(prompt, "/to-update", "--output", "json")).out);
    const update = [
      "entry",
      "update",
      "--socket",
      server.config.socketPath,
      results[0].entry.id,
      "--dns",
      "a.internal",
    ];
    const { code, err } = await cli([...update, "--wait"]);
    assert.deepEqual([code, err], [exitCodes.ok, ""]);
  });

  // From here on an agent lags behind: whoever waits, waits for it too.
  it("ends with 4 when a connected agent does not get there in time, and says which; the entry is made", async () => {
    const { code, out, err } = await create(silent, "/silent", "--timeout", "0");
    assert.equal(code, exitCodes.timedOut);
    assert.match(out, /^Entry ID +: \S+$/m);
    assert.equal(err, `not yet applied by ${silent.svid.id}`);
    const asJson = await create(silent, "/silent-json", "--timeout", "0s", "--output", "json");
    assert.equal(asJson.code, exitCodes.timedOut);
    assert.equal(JSON.parse(asJson.out).agents[0].state, "pending");
  });

  it("does not wait for what was refused: that is the result", async () => {
    const { code, err } = await create(silent, "/silent", "--timeout", "5");
    assert.equal(code, exitCodes.refused);
    assert.match(err, /similar entry already exists/);
  });

  it("waits for more entries than one call may name, each agent once with its worst state", async () => {
    const entries = Array.from({ length: 1_001 }, (_, n) => ({
      spiffe_id: `spiffe://example.org/many/${n}`,
      parent_id: (n === 1_000 ? silent : absent).svid.id.toString(),
      selectors: [`many:${n}`],
    }));
    const { code, out } = await cli(
      [
        ...["entry", "create", "--socket", server.config.socketPath, "--file", "-"],
        ...["--wait", "--timeout", "0", "--output", "json"],
      ],
      { stdin: JSON.stringify(entries) },
    );
    assert.equal(code, exitCodes.timedOut);
    const { results, agents } = JSON.parse(out);
    assert.equal(results.length, 1_001);
    const states: readonly { agent_id: { path: string }; state: string }[] = agents;
    assert.deepEqual(
      states.map(({ agent_id, state }) => [agent_id.path, state]).toSorted(),
      [
        [absent.svid.id.path, "disconnected"],
        [silent.svid.id.path, "pending"],
      ].toSorted(),
    );
  });
});
