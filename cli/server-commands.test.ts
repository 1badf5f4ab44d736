import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { agentService } from "../proto/services.ts";
import { SpiffeBundle } from "../spiffe/index.ts";
import { type CliResult, cli } from "../test/fakes/cli.ts";
import { FakeWorkloadApi } from "../test/fakes/fake-workload-api.ts";
import { TestServer } from "../test/fakes/test-server.ts";
import { withChannel } from "./connect.ts";
import { exitCodes } from "./exit-codes.ts";

describe("commands that ask the server", () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  function run(command: string, ...args: readonly string[]): Promise<CliResult> {
    return cli([...command.split(" "), ...args, "--socket", server.config.socketPath]);
  }

  it("token generate: a token that attests once, with the alias that was asked for", async () => {
    const alias = "spiffe://example.org/host/web-1";
    const { code, out } = await run("token generate", "--spiffe-id", alias, "--ttl", "10m");
    assert.equal(code, exitCodes.ok);
    assert.match(
      out,
      /^Token {7}: \S+\nExpires {5}: \d{4}-.* UTC\nAgent alias : spiffe:\/\/example\.org\/host\/web-1$/,
    );
    const agent = await server.attest(/^Token +: (\S+)$/m.exec(out)?.[1] ?? "");
    assert.match(agent.svid.id.path, /^\/spire\/agent\/join_token\//);
    assert.equal((await run("entry count", "--spiffe-id", alias)).out, "1 entry");
  });

  it("token generate --output json: the wire's names", async () => {
    const { out } = await run("token generate", "--token", "my-token", "--ttl", "60", "--output", "json");
    const { expires_at, ...rest } = JSON.parse(out);
    assert.deepEqual(rest, { value: "my-token" });
    assert.match(expires_at, /^\d{10}$/);
    const again = await run("token generate", "--token", "my-token");
    assert.equal(again.code, exitCodes.refused);
    assert.match(again.err, /^Error: .* \(ERR_JOIN_TOKEN_EXISTS\)\n {7}\S/);
    const asJson = JSON.parse((await run("token generate", "--token", "my-token", "--output", "json")).err);
    assert.deepEqual([asJson.code, Object.keys(asJson)], ["ERR_JOIN_TOKEN_EXISTS", ["error", "code", "hint"]]);
    assert.equal((await run("token generate", "--spiffe-id", "host")).code, exitCodes.usage);
    assert.equal((await run("token generate", "--ttl", "0")).code, exitCodes.refused);
  });

  it("bundle show: PEM, a SPIFFE bundle document, or the wire's bundle", async () => {
    const pem = await run("bundle show");
    assert.equal(pem.code, exitCodes.ok);
    const root = new X509Certificate(pem.out);
    assert.equal(root.subjectAltName, "URI:spiffe://example.org");
    const document = await run("bundle show", "--format", "spiffe");
    const { trustDomain } = server.config;
    const { bundle, skipped } = SpiffeBundle.parseJwks(trustDomain, document.out);
    assert.deepEqual([skipped.length, bundle.x509Authorities.length, bundle.jwtAuthorities.length], [0, 1, 1]);
    const wire = JSON.parse((await run("bundle show", "--output", "json")).out);
    assert.equal(wire.trust_domain, "example.org");
    assert.equal(Buffer.from(wire.x509_authorities[0].asn1, "base64").equals(root.raw), true);
    assert.equal(typeof wire.sequence_number, "string");
    for (const { out } of [pem, document]) assert.doesNotMatch(out, /PRIVATE|"d":/);
  });

  it("server healthcheck", async () => {
    const { code, out } = await run("server healthcheck");
    assert.deepEqual([code, out], [exitCodes.ok, "the server is healthy"]);
    assert.deepEqual((await run("server healthcheck", "--output", "json")).json, { status: "SERVING" });
  });

  it("logger get, set, reset; debug info: as SPIRE prints them", async () => {
    const level = async (...args: readonly string[]): Promise<unknown> =>
      (await run("logger", ...args, "--output", "json")).json;
    const start = await level("get");
    assert.deepEqual(await level("set", "-level", "debug"), { ...Object(start), current_level: "DEBUG" });
    assert.deepEqual(await level("reset"), start);
    assert.match((await run("logger get")).out, /^Log level : info\nAt start {2}: info$/);
    assert.equal((await run("logger set", "--level", "loud")).code, exitCodes.usage);
    assert.equal((await run("logger set", "-level", "WARN")).code, exitCodes.ok);
    const info = (await run("debug getinfo", "--output", "json")).json;
    assert.deepEqual(Object.keys(Object(info)).toSorted(), [
      ...["agents_count", "entries_count", "federated_bundles_count", "svid_chain", "uptime"],
    ]);
    assert.match((await run("debug info")).out, /^SVID chain +: spiffe:\/\/example\.org\/spire\/server, until /m);
    assert.equal((await cli(["agent", "logger", "get"])).code, exitCodes.usage);
  });

  it("healthcheck of one daemon fails at the socket of the other", async () => {
    await using agent = await FakeWorkloadApi.start();
    const asServer = await cli(["server", "healthcheck", "--socket", agent.endpoint]);
    assert.deepEqual([asServer.code, asServer.out], [exitCodes.refused, ""]);
    assert.match(asServer.err, /is an agent, not a server \(ERR_OTHER_DAEMON\)/);
    const asAgent = await run("agent healthcheck");
    assert.deepEqual([asAgent.code, asAgent.out], [exitCodes.refused, ""]);
    assert.match(asAgent.err, /is a server, not an agent \(ERR_OTHER_DAEMON\)/);
  });

  it("migrate says which of the two servers does not answer, and by which flag it was named", async () => {
    for (const command of [
      ["migrate", "data"],
      ["migrate", "trust", "--check", "--state", "/nowhere/state.json"],
    ]) {
      const from = await run(command.join(" "), "--from", "/nowhere.sock");
      assert.equal(from.code, exitCodes.unreachable);
      assert.match(from.err, /no answer from the server at \/nowhere\.sock: .*[\s\S]*is --from right/);
    }
    const path = await run("migrate data", "--from", "/nowhere.sock", "--to", "/nobody.sock");
    assert.match(path.err, /no answer from the server at (\S+): cannot connect to \1/);
  });

  it("agent healthcheck: also that it answers and does not serve; by path or by URI", async () => {
    await using agent = await FakeWorkloadApi.start();
    const path = agent.endpoint.slice("unix://".length);
    const check = (socket: string, ...more: readonly string[]): Promise<CliResult> =>
      cli(["agent", "healthcheck", "--socket", socket, ...more]);
    assert.deepEqual((await check(path)).out, "the agent is healthy");
    assert.equal((await check(agent.endpoint)).code, exitCodes.ok);
    agent.isServing = false;
    const sick = await check(path);
    assert.deepEqual([sick.code, sick.out], [exitCodes.refused, ""]);
    assert.match(sick.err, /not serving/);
    const asJson = await check(path, "--output", "json");
    assert.deepEqual([asJson.code, asJson.json], [exitCodes.refused, { status: "NOT_SERVING" }]);
  });
});

describe("a socket that nobody serves", () => {
  const folder = mkdtempSync(join(tmpdir(), "cs-cli-"));
  after(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, "nobody.sock");

  for (const command of [
    "server healthcheck",
    "agent healthcheck",
    "agent list",
    "agent count",
    "agent show spiffe://a.test/x",
    "agent ban spiffe://a.test/x",
    "agent evict spiffe://a.test/x",
    "token generate",
    "logger get",
    "logger set --level info",
    "logger reset",
    "debug info",
    "agent logger get",
    "agent debug info",
    "bundle show",
    "bundle list",
    "bundle count",
    "bundle delete --id a.test",
    "federation list",
    "federation show a.test",
    "federation refresh a.test",
    "federation delete a.test",
    "federation update --trust-domain a.test --bundle-endpoint-url https://a.test",
    "entry list",
    "entry count",
    "entry show e",
    "entry delete e",
    "entry update e --hint h",
    "entry create --node --spiffe-id spiffe://a.test/x --selector a:b",
    "api fetch x509",
    "api fetch jwt --audience a",
    "api validate jwt --audience a --svid t",
  ]) {
    it(`${command}: ends with 3 and says what to look at`, async () => {
      const { code, out, err } = await cli([...command.split(" "), "--socket", socket]);
      assert.deepEqual([code, out], [exitCodes.unreachable, ""]);
      assert.match(err, /^Error: .*\(ERR_[A-Z_]+\)\n {7}\S/);
      const asJson = await cli([...command.split(" "), "--socket", socket, "--output", "json"]);
      assert.equal(asJson.code, exitCodes.unreachable);
      assert.deepEqual(Object.keys(JSON.parse(asJson.err)), ["error", "code", "hint"]);
    });
  }

  it("names the socket", async () => {
    const { err } = await cli(["bundle", "show", "--socket", socket]);
    assert.ok(err.startsWith(`Error: no answer from the server at ${socket}: `), err);
  });

  it("is not waited for, for ever, when it accepts and says nothing", async () => {
    const mute = join(folder, "mute.sock");
    const listener = createServer((connection) => void connection.resume());
    await new Promise<void>((resolve) => listener.listen(mute, resolve));
    const call = withChannel(mute, "server", (channel) => channel.unary(agentService.CountAgents, {}), {
      answerWithinMs: 50,
    });
    await assert.rejects(call, { code: "ERR_NO_ANSWER", exitCode: exitCodes.unreachable });
    await new Promise((resolve) => listener.close(resolve));
  });
});
