import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { loadAgentConfig } from "../../agent/index.ts";
import { loadServerConfig } from "../../server/index.ts";
import { cli } from "../../test/fakes/cli.ts";
import { spireSettings } from "../../test/fixtures/spire-settings.ts";
import { exitCodes } from "../exit-codes.ts";
import { convertText, yamlOf } from "./config.ts";
import { settingsOf } from "./flatten.ts";
import { parseHcl } from "./hcl.ts";

const server = `
# a server
server {
  trust_domain = "example.org" // its name
  data_dir = "/var/lib/spire"
  bind_address = "127.0.0.1", bind_port = "8081"
  log_level = "DEBUG"
  log_file = "/var/log/spire.log"
  ca_ttl = "12h"
  ca_subject { country = ["DE", "US"] organization = ["Example"] }
  admin_ids = [
    "spiffe://example.org/admin", /* one */
  ]
  mistyped = 1
  federation { federates_with "other.test" { bundle_endpoint_url = "https://x" } }
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" } }
  KeyManager "disk" { plugin_data { keys_path = "/k" } }
  NodeAttestor "join_token" { plugin_data {} }
  NodeAttestor "k8s_psat" { plugin_data { clusters = { "demo" = { audience = ["a"] } } } }
  UpstreamAuthority "disk" { plugin_data { cert_file_path = "/ca.crt" key_file_path = "/ca.key" } }
  UpstreamAuthority "spire" { enabled = false plugin_data { server_address = "above" } }
  Notifier "gcs_bundle" { plugin_cmd = "/bin/x" }
}
health_checks { listener_enabled = true bind_port = 8080 }
`;

const agent = JSON.stringify({
  agent: {
    ...{ trust_domain: "example.org", data_dir: "/a", server_address: "spire", server_port: "8081" },
    ...{
      trust_bundle_path: "/b.pem",
      rebootstrap_mode: "auto",
      availability_target: "24h",
      sds: { default_svid_name: "x" },
    },
  },
  plugins: [{ WorkloadAttestor: [{ unix: [{ plugin_data: [{ discover_workload_path: true }] }] }] }],
});

describe("a configuration of SPIRE's", () => {
  it("becomes ours, and every setting is accounted for", () => {
    const { program, converted } = convertText(server);
    assert.equal(program, "server");
    assert.deepEqual(Object.fromEntries(converted.settings), {
      ...{
        trust_domain: "example.org",
        data_dir: "/var/lib/countersign/server",
        bind_address: "127.0.0.1",
        bind_port: 8081,
      },
      ...{ log_level: "debug", ca_ttl: "12h", "ca_subject.country": "DE", "ca_subject.organization": "Example" },
      ...{ admin_ids: ["spiffe://example.org/admin"], key_manager: "disk", "upstream_authority.type": "disk" },
      ...{ "upstream_authority.cert_file_path": "/ca.crt", "upstream_authority.key_file_path": "/ca.key" },
      ...{ "health_checks.listener_enabled": true, "health_checks.bind_port": 8080 },
    });
    const verdicts = Object.fromEntries(converted.outcomes.map(({ path, verdict }) => [path, verdict]));
    for (const [path, verdict] of Object.entries({
      "server.trust_domain": "kept",
      "server.ca_subject.country": "changed",
      "server.log_file": "not supported",
      "server.mistyped": "unknown",
      "server.federation.federates_with.other.test.bundle_endpoint_url": "not supported",
      "plugins.DataStore.sql.plugin_data.database_type": "left out",
      "plugins.NodeAttestor.k8s_psat.plugin_data.clusters.demo.audience": "not supported",
      "plugins.UpstreamAuthority.spire.plugin_data.server_address": "left out",
      "plugins.Notifier.gcs_bundle.plugin_cmd": "not supported",
    })) {
      assert.equal(verdicts[path], verdict, path);
    }
    assert.equal(converted.outcomes.find(({ path }) => path === "server.mistyped")?.line, 14);
    for (const { verdict, why, to, path } of converted.outcomes)
      assert.ok(verdict === "kept" || (why ?? "") !== "" || to !== undefined, path);
    assert.deepEqual(
      converted.outcomes.map(({ path }) => path),
      settingsOf(parseHcl(server)).map(({ path }) => path),
    );
  });

  it("is one that our daemons take", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cs-migrate-"));
    const written = (text: string): string => {
      const file = join(folder, "settings.yaml");
      writeFileSync(file, yamlOf(convertText(text).converted));
      return file;
    };
    const config = await loadServerConfig({ flags: { config: written(server) }, env: {}, uid: 0 });
    assert.deepEqual([config.trustDomain.name, config.ttls.ca], ["example.org", 43_200]);
    const { bind } = config;
    assert.deepEqual(bind, { host: "127.0.0.1", port: 8081 });
    await loadAgentConfig({ flags: { config: written(agent) }, env: {}, uid: 0 });
    rmSync(folder, { recursive: true });
  });

  it("loses what is empty there: our daemons take it, and the report says so", async () => {
    const text = `server { trust_domain = "a.b" data_dir = "/d" jwt_issuer = ""
      ca_subject { country = [""] organization = ["Example"] common_name = "" } }`;
    const { settings, outcomes } = convertText(text).converted;
    assert.deepEqual([...settings.keys()], ["trust_domain", "data_dir", "ca_subject.organization"]);
    const empty = outcomes.filter(({ verdict, why }) => verdict === "left out" && why === "empty");
    assert.deepEqual(
      empty.map(({ path }) => path),
      ["server.jwt_issuer", "server.ca_subject.country", "server.ca_subject.common_name"],
    );
    const folder = mkdtempSync(join(tmpdir(), "cs-migrate-"));
    const file = join(folder, "settings.yaml");
    writeFileSync(file, yamlOf(convertText(text).converted));
    await loadServerConfig({ flags: { config: file }, env: {}, uid: 0 });
    rmSync(folder, { recursive: true });
  });

  it("gets folders and sockets of its own, never SPIRE's", () => {
    const paths = 'data_dir = "/spire/d" socket_path = "/spire/s" admin_socket_path = "/spire/a"';
    for (const section of ["server", "agent"]) {
      const { settings } = convertText(`${section} { trust_domain = "a.b" ${paths} }`).converted;
      assert.match(String(settings.get("data_dir")), /^\/var\/lib\/countersign\//);
      for (const [name, value] of settings) assert.doesNotMatch(String(value), /spire/, name);
    }
  });

  it("says that there is no other database than SQLite, and what to do", () => {
    const of = (data: string) => {
      const text = `server { trust_domain = "a.b" }\nplugins { DataStore "sql" { plugin_data { ${data} } } }`;
      return convertText(text).converted.outcomes.find(({ path }) => path.includes("database_type"));
    };
    assert.equal(of('database_type = "sqlite3"')?.verdict, "left out");
    for (const data of ['database_type = "postgres"', 'database_type "aws_mysql" { region = "x" }']) {
      assert.equal(of(data)?.verdict, "not supported");
      assert.match(of(data)?.why ?? "", /migrate data/);
    }
  });

  it("may be JSON", () => {
    const { program, converted } = convertText(agent);
    assert.equal(program, "agent");
    assert.equal(converted.settings.get("rebootstrap"), "auto");
    assert.deepEqual(
      converted.outcomes.filter(({ verdict }) => verdict === "unknown"),
      [],
    );
    const { why } = converted.outcomes.find(({ path }) => path === "agent.sds.default_svid_name") ?? {};
    assert.match(why ?? "", /SPIRE's agent/);
  });

  for (const section of ["server", "agent"] as const) {
    it(`is known with every setting that SPIRE documents for the ${section}`, () => {
      const lines = spireSettings[section].map((path) => {
        const parts = path.split(".");
        return `${parts.slice(0, -1).join(" { ")} { ${parts.at(-1)} = "x" ${"}".repeat(parts.length - 1)}`;
      });
      const { outcomes } = convertText(`${section} { trust_domain = "x" }\n${lines.join("\n")}`).converted;
      const unknown = outcomes.filter(({ verdict }) => verdict === "unknown").map(({ path }) => path);
      assert.deepEqual(unknown, []);
      assert.ok(outcomes.length > 40);
    });
  }

  it("goes on refusing join tokens where SPIRE did", () => {
    const x509pop = 'NodeAttestor "x509pop" { plugin_data { ca_bundle_path = "/ca.pem" spiffe_prefix = "/p/" } }';
    const of = (plugins: string) =>
      convertText(`server { trust_domain = "a.b" }\nplugins { ${plugins} }`).converted.settings;
    assert.deepEqual(Object.fromEntries(of(x509pop)), {
      trust_domain: "a.b",
      data_dir: "/var/lib/countersign/server",
      "node_attestors.x509pop.ca_bundle_path": "/ca.pem",
      "node_attestors.x509pop.svid_prefix": "/p/",
      "node_attestors.join_token.enabled": false,
    });
    assert.equal(of('NodeAttestor "join_token" { plugin_data {} }').has("node_attestors.join_token.enabled"), false);
    assert.equal(of('NodeAttestor "join_token" {}').has("node_attestors.join_token.enabled"), false);
    const off = of('NodeAttestor "join_token" { enabled = false plugin_data {} }');
    assert.equal(off.get("node_attestors.join_token.enabled"), false);
  });

  it("leaves a way to attest, and a place for its data, where the file names none that is here", async () => {
    const text = `server { trust_domain = "a.b" admin_ids = [] }
      plugins { NodeAttestor "k8s_psat" { plugin_data { clusters = {} } } NodeAttestor "x509pop" { plugin_data { ca_bundle_paths = [] } } }`;
    const { converted } = convertText(text);
    assert.deepEqual([...converted.settings.keys()], ["trust_domain", "data_dir"]);
    const told = converted.outcomes.filter(({ line }) => line === 0).map(({ path, verdict }) => [path, verdict]);
    assert.deepEqual(told, [
      ["server.data_dir", "changed"],
      ["plugins.NodeAttestor.join_token", "changed"],
    ]);
    const folder = mkdtempSync(join(tmpdir(), "cs-migrate-"));
    const file = join(folder, "settings.yaml");
    writeFileSync(file, yamlOf(converted));
    await loadServerConfig({ flags: { config: file }, env: {}, uid: 0 });
    rmSync(folder, { recursive: true });
    assert.equal(
      convertText('agent { trust_domain = "a.b" }').converted.settings.get("data_dir"),
      "/var/lib/countersign/agent",
    );
  });

  it("is kept wherever we have a setting of that name", () => {
    const names = { disable_jwt_svids: true, prune_tofu_nodes: true, jwt_issuer: "https://x" };
    const lines = Object.entries(names).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
    const { settings, outcomes } = convertText(`server {\n${lines.join("\n")}\n}`).converted;
    assert.deepEqual(Object.fromEntries(settings), { ...names, data_dir: "/var/lib/countersign/server" });
    const ofFile = outcomes.filter(({ line }) => line > 0);
    assert.deepEqual([...new Set(ofFile.map(({ verdict }) => verdict))], ["kept"]);
  });

  it("may be as long as a file of ours: lines are counted once, and a text may have any number of them", () => {
    const items = 40_000;
    const text = `${"a = 1\n".repeat(items)}b = <<-END\n${"  x\n".repeat(200_000)}END\nc = 2\n`;
    const parsed = parseHcl(text).items;
    assert.deepEqual(
      parsed.slice(-3).map(({ key, line }) => [key, line]),
      [
        ["a", items],
        ["b", items + 1],
        ["c", items + 200_003],
      ],
    );
    assert.match(String(parsed.at(-2)?.value), /^x\nx\n/);
    assert.throws(() => parseHcl(`${text}d = `), {
      code: "ERR_CONFIG",
      message: new RegExp(`line ${items + 200_004}:`),
    });
  });

  it("says when a variable is not filled in", () => {
    const { outcomes } = convertText('server { bind_address = "$ADDRESS" trust_domain = "$TD" }').converted;
    for (const { why, line } of outcomes) if (line > 0) assert.match(why ?? "", /variable/);
  });
});

describe("migrate config", () => {
  it("prints YAML on standard output and the report beside it, or both as JSON", async () => {
    const { code, out, err } = await cli(["migrate", "config", "-"], { stdin: server });
    assert.equal(code, exitCodes.ok);
    assert.match(out, /^# unknown: server\.mistyped: [\s\S]+^trust_domain: example\.org$/m);
    assert.match(err, /^14 +server\.mistyped +unknown +/m);
    assert.match(err, /^LINE +SETTING +VERDICT/);
    const { json } = await cli(["migrate", "config", "-", "--output", "json"], { stdin: agent });
    assert.deepEqual(Object.keys(Object(json)), ["program", "yaml", "settings"]);
  });

  it("is what our daemons point to when they are given SPIRE's file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cs-migrate-"));
    const file = join(folder, "server.conf");
    writeFileSync(file, server);
    const { code, err } = await cli(["server", "validate", "-config", file]);
    rmSync(folder, { recursive: true });
    assert.equal(code, exitCodes.usage);
    assert.match(err, /countersign migrate config .*server\.conf/);
  });

  it("ends with 2 and the line for what is none", async () => {
    for (const [stdin, expected] of [
      ["server {\n x = \n}", /line 3: a value is missing/],
      ["server {", /"}" is missing/],
      ['a = "x', /a text does not end/],
      ["plugins {}", /no server and no agent section/],
      ["server {} agent {}", /both a server and an agent/],
      ["{bad json", /JSON/],
      [`server ${"{ a ".repeat(100)}`, /nested too deeply/],
      ["server { a = <<EOT\nx\n", /"EOT" is missing/],
    ] as const) {
      const { code, err } = await cli(["migrate", "config", "-"], { stdin });
      assert.equal(code, exitCodes.usage);
      assert.match(err, expected);
    }
    assert.equal((await cli(["migrate", "config", "/nowhere.conf"])).code, exitCodes.usage);
  });
});

describe("parseHcl()", () => {
  it("reads every kind of value", () => {
    const text =
      'a = 1.5\nb = -2\nc = 0x10\nd = false\ne = "q\\"\\n\\u00e4$x"\nf = <<-EOT\n   two\n    lines\n   EOT\ng = [1, ["x"],]\nh = 0640';
    const values = settingsOf(parseHcl(text)).map(({ value }) => value);
    assert.deepEqual(values, [1.5, -2, 16, false, 'q"\nä$x', "two\n lines\n", ["1"], ["x"], 0o640]);
  });

  it("ends for whatever it is given, with settings or a coded error", () => {
    const bits = fc.constantFrom("{", "}", "[", "]", "=", '"', "a", "\n", "#", "<<E\n", "1", ",", "/*", " ", "\\");
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 30 }), (parts) => {
        try {
          settingsOf(parseHcl(parts.join("")));
        } catch (error) {
          assert.equal(error instanceof Error && "code" in error && error.code, "ERR_CONFIG");
        }
      }),
    );
  });
});
