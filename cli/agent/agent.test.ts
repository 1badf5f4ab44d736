import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type CliResult, cli } from "../../test/fakes/cli.ts";
import { SyncingAgent } from "../../test/fakes/syncing-agent.ts";
import { type TestAgent, TestServer } from "../../test/fakes/test-server.ts";
import { exitCodes } from "../exit-codes.ts";

interface Connection {
  readonly agent_id: { readonly path: string };
}

interface WireAgent {
  readonly id: { readonly trust_domain: string; readonly path: string };
  readonly x509svid_expires_at: string;
  readonly banned: boolean;
  readonly connection: {
    readonly connected: boolean;
    readonly last_seen: string;
    readonly acknowledged: { readonly epoch: string; readonly n: string } | null;
    readonly head: { readonly n: string };
  } | null;
}

describe("countersign agent", () => {
  let server: TestServer;
  let connected: TestAgent;
  let absent: TestAgent;
  let stream: SyncingAgent;
  before(async () => {
    server = await TestServer.start();
    connected = await server.agent("connected");
    absent = await server.agent("absent");
    stream = new SyncingAgent(server.dialAs(connected));
    stream.acknowledge(await stream.entries());
  });
  after(async () => {
    stream.end();
    await server[Symbol.asyncDispose]();
  });

  function agent(verb: string, ...args: readonly string[]): Promise<CliResult> {
    return cli(["agent", verb, "--socket", server.config.socketPath, ...args]);
  }

  const idOf = (of: TestAgent): string => of.svid.id.toString();

  async function listed(...args: readonly string[]): Promise<readonly WireAgent[]> {
    const { out } = await agent("list", "--output", "json", "--connections", ...args);
    const { agents, connections } = JSON.parse(out);
    return agents.map((one: WireAgent) => ({
      ...one,
      connection: connections.find(({ agent_id }: Connection) => agent_id.path === one.id.path) ?? null,
    }));
  }

  async function acknowledged(): Promise<void> {
    for (;;) {
      const one = (await listed()).find(({ id }) => id.path === connected.svid.id.path);
      if (one?.connection?.acknowledged?.n === one?.connection?.head.n) return;
    }
  }

  it("list: who is connected, when each was seen, and how far it is", async () => {
    await acknowledged();
    const { code, out } = await agent("list");
    assert.equal(code, exitCodes.ok);
    const [head, ...rows] = out.split("\n");
    assert.match(head ?? "", /^AGENT ID +ATTESTATION +SVID EXPIRES +CONNECTED +LAST SEEN +ACKNOWLEDGED$/);
    const row = (of: TestAgent): string => rows.find((line) => line.startsWith(`${idOf(of)} `)) ?? "";
    const when = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`;
    assert.match(row(connected), new RegExp(String.raw` join_token +${when} +yes +${when} +\d+ \(current\)$`));
    assert.match(row(absent), new RegExp(` join_token +${when} +no +never +nothing$`));
    assert.equal(rows.length, 2);
  });

  it("list: says how far an agent is behind", async () => {
    const entryId = await server.createEntry(connected, "/behind");
    const page = await stream.entries();
    assert.match((await agent("list")).out, /\d+ \(1 behind\)$/m);
    assert.match((await agent("show", idOf(connected))).out, /^Acknowledged +: \d+ \(1 behind\)$/m);
    stream.acknowledge(page);
    await acknowledged();
    assert.ok(entryId.length > 0);
  });

  it("list --output json: the wire's agents, and with --connections who is connected", async () => {
    const agents = await listed();
    const one = agents.find(({ id }) => id.path === connected.svid.id.path);
    assert.equal(one?.connection?.connected, true);
    assert.match(one?.connection?.last_seen ?? "", /^\d{10}$/);
    assert.equal(typeof one?.x509svid_expires_at, "string");
    const plain = JSON.parse((await agent("list", "--output", "json")).out);
    assert.deepEqual(Object.keys(plain), ["agents", "next_page_token"]);
    const other = agents.find(({ id }) => id.path === absent.svid.id.path);
    assert.equal(other?.connection?.connected ?? false, false);
  });

  it("show: one agent in full", async () => {
    const { code, out } = await agent("show", idOf(connected));
    assert.equal(code, exitCodes.ok);
    assert.match(out, new RegExp(`^Agent ID +: ${idOf(connected)}$`, "m"));
    assert.match(out, /^Can re-attest +: no$/m);
    assert.match(out, /^Connected +: yes$/m);
    assert.match(out, new RegExp(`^SVID serial +: ${connected.serialNumber}$`, "m"));
    assert.match((await agent("show", idOf(absent))).out, /^Last seen +: never\nAcknowledged +: nothing$/m);
    const wire = JSON.parse((await agent("show", idOf(connected), "--output", "json", "--connections")).out);
    assert.equal(wire.id.path, connected.svid.id.path);
    assert.equal(wire.connection.connected, true);
    const plain = JSON.parse((await agent("show", idOf(connected), "--output", "json")).out);
    assert.equal("connection" in plain, false);
  });

  it("show: says that the server does not know it", async () => {
    const { code, err } = await agent("show", "spiffe://example.org/spire/agent/join_token/none");
    assert.equal(code, exitCodes.refused);
    assert.match(err, /^Error: .*not found \(ERR_[A-Z_]+\)\n {7}\S/);
  });

  it("count", async () => {
    assert.equal((await agent("count")).out, "2 agents");
    assert.deepEqual((await agent("count", "--output", "json")).json, { count: 2 });
  });

  it("ban, then evict: the list follows", async () => {
    const doomed = await server.agent("doomed");
    assert.equal((await listed("--banned")).length, 0);
    assert.equal((await agent("list", "--banned")).out, "no agents");
    const banned = await agent("ban", idOf(doomed));
    assert.equal(banned.code, exitCodes.ok);
    assert.match(banned.out, /^banned spiffe:.*evict/);
    assert.deepEqual(
      (await listed("--banned")).map(({ id }) => id.path),
      [doomed.svid.id.path],
    );
    assert.match((await agent("list", "--banned")).out, / join_token +banned /);
    assert.match((await agent("show", idOf(doomed))).out, /^Banned +: yes$/m);
    const evicted = await agent("evict", idOf(doomed));
    assert.match(evicted.out, /^evicted spiffe:.*attest again, with a new join token$/);
    assert.equal((await agent("show", idOf(doomed))).code, exitCodes.refused);
    const again = await agent("evict", idOf(doomed));
    assert.equal(again.code, exitCodes.refused);
    const second = await server.agent("doomed-2");
    assert.deepEqual((await agent("ban", idOf(second), "--output", "json")).json, {});
    assert.deepEqual((await agent("evict", idOf(second), "--output", "json")).json, {});
  });

  it("list --attestation-type", async () => {
    assert.equal((await listed("--attestation-type", "join_token")).length, 2);
    assert.equal((await listed("--attestation-type", "x509pop")).length, 0);
  });

  it("list, count: by every filter", async () => {
    const [all, banned] = [(await listed()).length, (await listed("--banned")).length];
    for (const [filter, expected] of [
      [["--can-reattest"], 0],
      [["--can-reattest", "false"], all],
      [["--banned", "false", "--attestation-type", "join_token"], all - banned],
      [["--expires-before", "2020-01-01"], 0],
      [["--expires-before", "2090-01-01T00:00:00Z"], all],
      [["-expiresBefore", "2090-01-01 00:00:00 +0100 +01"], all],
      [["--selector", "x509pop:subject:cn:a", "--match-selectors-on", "any"], 0],
    ] as const) {
      assert.equal((await listed(...filter)).length, expected, filter.join(" "));
      assert.deepEqual((await agent("count", "--output", "json", ...filter)).json, { count: expected });
    }
    for (const filter of [
      ["--banned", "maybe"],
      ["--expires-before", "soon"],
    ]) {
      assert.equal((await agent("list", ...filter)).code, exitCodes.usage);
    }
  });
});
