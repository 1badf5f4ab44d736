import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { ConfigError, environmentName } from "../../runtime/host/index.ts";
import { configWarnings, loadServerConfig, type ServerFlags, serverSettings } from "./index.ts";

function fileWith(context: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "cs-config-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "server.yaml");
  writeFileSync(path, text);
  return path;
}

const least: ServerFlags = { trustDomain: "example.org", dataDir: "/var/lib/cs" };

async function problemsOf(flags: ServerFlags, env: Record<string, string> = {}): Promise<readonly string[]> {
  try {
    await loadServerConfig({ flags, env });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ where, key, message }) => `${where}|${key}|${message}`);
  }
  return [];
}

describe("loadServerConfig()", () => {
  it("needs nothing but trust domain and data directory", async () => {
    const config = await loadServerConfig({ flags: least, env: {}, uid: 0 });
    assert.equal(config.trustDomain.name, "example.org");
    assert.deepEqual(config.bind, { host: "0.0.0.0", port: 8081 });
    assert.equal(config.socketPath, "/run/countersign/server/private/api.sock");
    const asUser = await loadServerConfig({ flags: least, env: { XDG_RUNTIME_DIR: "/run/user/7" }, uid: 7 });
    assert.equal(asUser.socketPath, "/run/user/7/countersign/server/private/api.sock");
    assert.deepEqual(config.ttls, { agent: 3_600, x509Svid: 3_600, jwtSvid: 300, ca: 86_400 });
    assert.deepEqual([config.caKeyType, config.jwtKeyType, config.keyManager], ["ec-p256", "ec-p256", "disk"]);
    assert.deepEqual(config.rateLimits, {
      attest: 50,
      x509: 500,
      jwt: 500,
      postStatus: 50,
      publishJwt: 500,
      sync: 20,
      entries: 10,
    });
    assert.deepEqual([config.statusListener, config.pruneNodes, config.caSubject], [undefined, undefined, undefined]);
    assert.deepEqual(await problemsOf({}), ["|trust_domain|is required", "|data_dir|is required"]);
  });

  it("does not call missing what may be in a file that it could not read", async (context) => {
    for (const text of ["trust_domain: [a\ndata_dir: /x\n", "- a\n", "data_dir: /a\ndata_dir: /b\n"]) {
      const path = fileWith(context, text);
      const problems = await problemsOf({ config: path, bind: "nowhere" });
      assert.equal(problems.length, 2, problems.join());
      assert.ok(problems.some((one) => one.startsWith(path)) && problems.some((one) => one.startsWith("--bind")));
    }
    assert.equal((await problemsOf({ config: "/none.yaml" })).length, 1);
    assert.equal((await problemsOf({ config: fileWith(context, "bind_port: 1\n") })).length, 2, "read, and not there");
  });

  it("reads everything from a file", async (context) => {
    const config = fileWith(
      context,
      `
trust_domain: spiffe://example.org
data_dir: /srv/cs
bind_address: "::1"
bind_port: 9000
socket_path: /run/cs/api.sock
admin_ids: [spiffe://example.org/admin]
agent_ttl: 2h
default_x509_svid_ttl: 30m
default_jwt_svid_ttl: 1m
ca_ttl: 7d
ca_key_type: ec-p384
ca_subject: { organization: Example }
jwt_issuer: https://issuer.example.org
key_manager: memory
log_level: debug
audit_log_enabled: false
rate_limits: { attest: 5 }
prune_attested_nodes_expired_for: 30d
prune_tofu_nodes: true
health_checks: { listener_enabled: true, bind_port: 0 }
`,
    );
    const read = await loadServerConfig({ flags: { config }, env: {} });
    assert.deepEqual(read.bind, { host: "::1", port: 9000 });
    assert.equal(read.socketPath, "/run/cs/api.sock");
    assert.deepEqual(read.adminIds.map(String), ["spiffe://example.org/admin"]);
    assert.deepEqual(read.ttls, { agent: 7_200, x509Svid: 1_800, jwtSvid: 60, ca: 604_800 });
    assert.deepEqual([read.caKeyType, read.jwtKeyType], ["ec-p384", "ec-p384"]);
    assert.deepEqual(read.caSubject, { organization: "Example" });
    assert.deepEqual(read.pruneNodes, { expiredForMs: 30 * 86_400_000, includeOneTime: true, batchSize: 1_000 });
    assert.ok(read.rateLimits !== "off" && read.rateLimits.attest === 5 && read.rateLimits.x509 === 500);
    assert.equal(read.statusListener?.host, "localhost");
    assert.deepEqual([read.keyManager, read.logLevel, read.auditLog], ["memory", "debug", false]);
  });

  it("takes the file's name, and anything else, from the environment; flags win", async (context) => {
    const path = fileWith(context, "trust_domain: file.test\ndata_dir: /file\nbind_port: 1\n");
    const env = {
      COUNTERSIGN_SERVER_CONFIG: path,
      COUNTERSIGN_SERVER_DATA_DIR: "/env",
      COUNTERSIGN_SERVER_BIND_PORT: "2",
    };
    const config = await loadServerConfig({ flags: { bind: "[::1]:3", rateLimits: "off" }, env });
    assert.deepEqual(
      [config.trustDomain.name, config.dataDir, config.bind],
      ["file.test", "/env", { host: "::1", port: 3 }],
    );
    assert.equal(config.rateLimits, "off");
  });

  it("makes the socket where the CLI's variable says it is, when nothing else does", async (context) => {
    const env = { COUNTERSIGN_SERVER_SOCKET: "/cli.sock" };
    assert.equal((await loadServerConfig({ flags: least, env })).socketPath, "/cli.sock");
    const config = fileWith(context, "socket_path: /file.sock\n");
    assert.equal((await loadServerConfig({ flags: { ...least, config }, env })).socketPath, "/file.sock");
    const own = { ...env, COUNTERSIGN_SERVER_SOCKET_PATH: "/own.sock" };
    assert.equal((await loadServerConfig({ flags: least, env: own })).socketPath, "/own.sock");
    assert.equal(
      (await loadServerConfig({ flags: { ...least, socket: "/flag.sock" }, env: own })).socketPath,
      "/flag.sock",
    );
  });

  it("puts the socket where nobody else can put one", async () => {
    const at = async (env: Readonly<Record<string, string>>, uid: number) =>
      (await loadServerConfig({ flags: least, env, uid })).socketPath;
    assert.equal(await at({ XDG_RUNTIME_DIR: "/x" }, 0), "/run/countersign/server/private/api.sock");
    assert.equal(await at({ XDG_RUNTIME_DIR: "/x", HOME: "/h" }, 1), "/x/countersign/server/private/api.sock");
    assert.equal(await at({ HOME: "/h" }, 1), "/h/.local/run/countersign/server/private/api.sock");
  });

  it("reports all problems with their places", async (context) => {
    const path = fileWith(context, "trust_domain: Not A Domain\ndata_dir: /x\ncatl: 5m\nca_ttl: 5\nadmin_ids: [x]\n");
    const flags = { config: path, bind: "nowhere", rateLimits: "maybe" };
    const problems = await problemsOf(flags, { COUNTERSIGN_SERVER_LOGLEVEL: "info" });
    for (const expected of [
      `--bind||must be HOST:PORT`,
      `--rate-limits|rate_limits.enabled|must be on or off`,
      `${path}:3:1|catl|unknown setting`,
      `${path}:4:1|ca_ttl|must be a duration such as 30s or 1h30m`,
      `$COUNTERSIGN_SERVER_LOGLEVEL||unknown setting, did you mean COUNTERSIGN_SERVER_LOG_LEVEL?`,
    ]) {
      assert.ok(
        problems.some((problem) => problem.startsWith(expected)),
        `${expected} in\n${problems.join("\n")}`,
      );
    }
    assert.ok(problems.some((problem) => problem.startsWith(`${path}:1:1|trust_domain|`)));
    assert.ok(problems.some((problem) => problem.startsWith(`${path}:5:13|admin_ids|0: `)));
  });

  it("names a file that cannot be read, and a socket path that is too long", async () => {
    assert.match((await problemsOf({ ...least, config: "/nowhere/x.yaml" }))[0] ?? "", /^\/nowhere\/x\.yaml\|\|ENOENT/);
    const socket = `/${"x".repeat(108)}`;
    assert.match((await problemsOf({ ...least, socket }))[0] ?? "", /^--socket\|socket_path\|/);
  });

  it("offers x509pop when it knows whose certificates prove a node", async (context) => {
    const least = "trust_domain: example.org\ndata_dir: /x\n";
    const x509pop = async (text: string) =>
      (await loadServerConfig({ flags: { config: fileWith(context, `${least}node_attestors:\n${text}`) }, env: {} }))
        .nodeAttestors;
    assert.equal(
      (await loadServerConfig({ flags: { config: fileWith(context, least) }, env: {} })).nodeAttestors.x509pop,
      undefined,
    );
    const external = await x509pop("  join_token: { enabled: false }\n  x509pop: { ca_bundle_path: /ca.pem }\n");
    assert.equal(external.joinToken, false);
    assert.deepEqual(external.x509pop?.mode, { kind: "external_pki", caBundlePaths: ["/ca.pem"] });
    assert.equal(external.x509pop?.pathTemplate.text, "/{{ .PluginName }}/{{ .Fingerprint }}");
    assert.deepEqual([external.x509pop?.maxIntermediates, external.x509pop?.maxRsaBits], [4, 4096]);
    const spiffe = await x509pop("  x509pop: { mode: spiffe, svid_prefix: /hosts }\n");
    assert.deepEqual(spiffe.x509pop?.mode, { kind: "spiffe", svidPrefix: "/hosts/" });
    assert.equal(spiffe.x509pop?.pathTemplate.text, "/{{ .PluginName }}/{{ .SVIDPathTrimmed }}");
  });

  it("names the place of what is wrong with x509pop", async (context) => {
    const least = "trust_domain: example.org\ndata_dir: /x\n";
    const problems = async (text: string) => {
      const path = fileWith(context, `${least}node_attestors:\n${text}`);
      return (await problemsOf({ config: path })).map((problem) => problem.replace(path, "F"));
    };
    const prefix = "node_attestors.x509pop";
    assert.deepEqual(
      await problems("  x509pop:\n    ca_bundle_path: /a\n    agent_path_template: /x509pop/{{ .Nope }}\n"),
      [`F:6:5|${prefix}.agent_path_template|unknown field .Nope (at character 13)`],
    );
    assert.deepEqual(await problems("  x509pop: { ca_bundle_path: /a, ca_bundle_paths: [/b], mode: spiffe }\n"), [
      `|${prefix}.ca_bundle_path|cannot be combined with ca_bundle_paths`,
      `|${prefix}.mode|spiffe uses the trust domain's bundle, not a CA bundle`,
    ]);
    assert.deepEqual(await problems("  join_token: { enabled: false }\n"), [
      "|node_attestors|no way is left for a node to attest",
    ]);
    assert.deepEqual(await problems("  x509pop: { max_intermediates: 0, svid_prefix: x, mode: both }\n"), [
      `F:4:52|${prefix}.mode|must be one of external_pki, spiffe`,
      `F:4:36|${prefix}.svid_prefix|must begin with a slash`,
      `F:4:14|${prefix}.max_intermediates|must be a whole number from 1 to 16`,
    ]);
  });

  it("makes no JWT keys when JWT-SVIDs are disabled", async () => {
    const env = { COUNTERSIGN_SERVER_DISABLE_JWT_SVIDS: "true", COUNTERSIGN_SERVER_JWT_KEY_TYPE: "rsa-2048" };
    assert.equal((await loadServerConfig({ flags: least, env })).jwtKeyType, undefined);
  });

  it("takes ranges of proxies, and refuses what is none", async () => {
    const key = "COUNTERSIGN_SERVER_PROXY_PROTOCOL_TRUSTED_ADDRESSES";
    const { proxies } = await loadServerConfig({ flags: least, env: { [key]: "10.0.0.0/8, ::1" } });
    assert.deepEqual(
      ["10.9.9.9", "::1", "11.0.0.1"].map((address) => proxies?.has(address)),
      [true, true, false],
    );
    assert.equal((await loadServerConfig({ flags: least, env: {} })).proxies, undefined);
    assert.match(
      (await problemsOf(least, { [key]: "10.0.0.0/40" })).join(),
      /trusted_addresses\|.*is not an IP address/,
    );
  });

  it("warns of lives that CA rotation cannot guarantee", async () => {
    const config = await loadServerConfig({ flags: least, env: { COUNTERSIGN_SERVER_CA_TTL: "1h" } });
    assert.equal(configWarnings(config).length, 2);
    assert.deepEqual(configWarnings(await loadServerConfig({ flags: least, env: {} })), []);
  });
});

describe("serverSettings", () => {
  it("are each documented, and have distinct variables", () => {
    const names = Object.keys(serverSettings).map((key) => environmentName("COUNTERSIGN_SERVER_", key));
    assert.equal(new Set(names).size, names.length);
    for (const [key, { doc }] of Object.entries(serverSettings)) assert.match(doc, /\.$/, key);
  });
});
