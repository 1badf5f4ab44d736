import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { ConfigError } from "../../runtime/host/index.ts";
import { type AgentFlags, loadAgentConfig } from "./load.ts";

const enough: AgentFlags = { trustDomain: "example.org", server: "10.0.0.1:8081", dataDir: "/data" };
const load = (flags: AgentFlags, env: Readonly<Record<string, string>> = {}) => loadAgentConfig({ flags, env, uid: 0 });

async function problemsOf(flags: AgentFlags, env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  try {
    await load(flags, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ where, key, message }) => `${where}|${key}|${message}`);
  }
  return assert.fail("the configuration was accepted");
}

describe("loadAgentConfig()", () => {
  it("needs only trust domain, server and data directory", async () => {
    const config = await load(enough);
    assert.deepEqual(config.server, { host: "10.0.0.1", port: 8081 });
    assert.equal(config.socketPath, "/run/countersign/agent/public/api.sock");
    assert.deepEqual(config.attestor, { kind: "join_token", token: { kind: "none" } });
    assert.deepEqual(config.bootstrap, { kind: "none" });
    assert.equal(config.workloadStateDir, "/data/workloads");
    assert.equal(config.holdCurrentMs, 2_000);
  });

  it("takes an IPv6 server in brackets", async () => {
    assert.deepEqual((await load({ ...enough, server: "[::1]:9" })).server, { host: "::1", port: 9 });
  });

  it("reports every problem of file, environment and flags at once, with positions", async () => {
    const folder = await mkdtemp(join(tmpdir(), "c-"));
    try {
      const path = join(folder, "agent.yaml");
      await writeFile(path, "trust_domain: example.org\nserver_adress: x\nhold_current: soon\n");
      const problems = await problemsOf(
        { config: path, server: "no-port", dataDir: "/data", joinToken: "a", joinTokenFile: "/b" },
        { COUNTERSIGN_AGENT_LOG_LEVEL: "loud" },
      );
      const text = problems.join("\n");
      assert.match(text, /agent\.yaml:2:1\|server_adress\|.*did you mean server_address/);
      assert.match(text, /agent\.yaml:3:1\|hold_current/);
      assert.match(text, /\$COUNTERSIGN_AGENT_LOG_LEVEL\|log_level/);
      assert.match(text, /--server\|\|must be HOST:PORT/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("refuses two tokens, two bootstrap bundles and a bundle URL without TLS", async () => {
    const problems = await problemsOf({
      ...enough,
      joinToken: "a",
      joinTokenFile: "/b",
      bundle: "/c",
      insecureBootstrap: true,
    });
    assert.deepEqual(problems, [
      "|join_token|cannot be combined with join_token_file",
      "|trust_bundle_path|cannot be combined with insecure_bootstrap",
    ]);
    assert.match((await problemsOf({ ...enough, bundleUrl: "http://example.org/b" })).join(), /must be an https URL/);
  });

  it("refuses an admin socket within reach of workloads", async () => {
    const problem = /admin_socket_path\|must not be in or below the directory of socket_path/;
    for (const admin of ["/run/public/admin.sock", "/run/public/below/admin.sock", "/run/public/../public/a.sock"]) {
      const env = { COUNTERSIGN_AGENT_ADMIN_SOCKET_PATH: admin };
      assert.match((await problemsOf({ ...enough, socket: "/run/public/api.sock" }, env)).join(), problem);
    }
    const env = { COUNTERSIGN_AGENT_ADMIN_SOCKET_PATH: "/run/public-not/admin.sock" };
    assert.equal(
      (await load({ ...enough, socket: "/run/public/api.sock" }, env)).adminSocketPath,
      "/run/public-not/admin.sock",
    );
    const inDefault = { COUNTERSIGN_AGENT_ADMIN_SOCKET_PATH: "/run/countersign/agent/public/admin.sock" };
    assert.match((await problemsOf(enough, inDefault)).join(), problem);
  });

  it("refuses a rebootstrap that has no bundle to go by", async () => {
    const env = { COUNTERSIGN_AGENT_REBOOTSTRAP: "auto" };
    assert.match((await problemsOf(enough, env)).join(), /rebootstrap\|auto needs trust_bundle_path/);
    assert.match((await problemsOf({ ...enough, insecureBootstrap: true }, env)).join(), /rebootstrap\|auto needs/);
    const { rebootstrap } = await load({ ...enough, bundle: "/b.pem" }, env);
    assert.deepEqual(rebootstrap, { mode: "auto", delayMs: 600_000 });
  });

  it("takes a certificate in place of a token, whole and alone", async () => {
    const key = "COUNTERSIGN_AGENT_NODE_ATTESTORS_X509POP_PRIVATE_KEY_PATH";
    const certificate = "COUNTERSIGN_AGENT_NODE_ATTESTORS_X509POP_CERTIFICATE_PATH";
    const more = "COUNTERSIGN_AGENT_NODE_ATTESTORS_X509POP_INTERMEDIATES_PATH";
    assert.deepEqual((await load(enough, { [key]: "/k", [certificate]: "/c" })).attestor, {
      kind: "x509pop",
      files: { privateKeyPath: "/k", certificatePath: "/c", intermediatesPath: undefined },
    });
    const required = "is required beside the other settings of x509pop";
    for (const [env, problem] of [
      [{ [key]: "/k" }, `|node_attestors.x509pop.certificate_path|${required}`],
      [{ [certificate]: "/c" }, `|node_attestors.x509pop.private_key_path|${required}`],
      [{ [more]: "/m" }, `|node_attestors.x509pop.private_key_path|${required}`],
    ] as const) {
      assert.deepEqual(await problemsOf(enough, env), [problem]);
    }
    assert.deepEqual(await problemsOf({ ...enough, joinToken: "t" }, { [key]: "/k", [certificate]: "/c" }), [
      "|node_attestors.x509pop.private_key_path|cannot be combined with join_token",
    ]);
  });

  it("lets flags win over the environment", async () => {
    const env = { COUNTERSIGN_AGENT_TRUST_DOMAIN: "other.org", COUNTERSIGN_AGENT_LOG_LEVEL: "debug" };
    const config = await load(enough, env);
    assert.equal(config.trustDomain.name, "example.org");
    assert.equal(config.logLevel, "debug");
  });

  it("makes the socket where the CLI's variable says it is", async () => {
    assert.equal((await load(enough, { COUNTERSIGN_AGENT_SOCKET: "/cli.sock" })).socketPath, "/cli.sock");
  });

  it("never shows the join token", async () => {
    const config = await load({ ...enough, joinToken: "s3cret-token" });
    assert.doesNotMatch(inspect(config, { depth: 10 }) + JSON.stringify(config), /s3cret/);
  });
});
