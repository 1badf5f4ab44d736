import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ConfigError, describeProblem } from "../../../runtime/host/index.ts";
import { splitArguments } from "./command-line.ts";
import { type FilesConfig, warningsOf } from "./files-config.ts";
import { type FilesFlags, loadFilesConfig } from "./load.ts";

const folder = mkdtempSync(join(tmpdir(), "files-config-"));
after(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function load(flags: FilesFlags, env: Record<string, string> = {}, command: string[] = []): Promise<FilesConfig> {
  return loadFilesConfig({ flags, command, env });
}

async function problemsOf(loading: Promise<FilesConfig>): Promise<readonly string[]> {
  try {
    await loading;
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.code, "ERR_CONFIG_INVALID");
    return error.problems.map((problem) => describeProblem(problem).replaceAll(`${folder}/`, ""));
  }
  return [];
}

describe("settings of the files bridge", () => {
  it("reads every key of spiffe-helper's configuration, modes as the octal numbers they are", async () => {
    const config = fileOf(
      "helper.conf",
      `agent_address = "/run/agent.sock"
cmd = "nginx"
cmd_args = "-g \\"daemon off;\\" -q"
pid_file_name = "/run/nginx.pid"
cert_dir = "certs"
renew_signal = "SIGUSR1"
svid_file_name = "svid.pem"
svid_key_file_name = "svid_key.pem"
svid_bundle_file_name = "svid_bundle.pem"
jwt_svids = [
  { jwt_audience = "db", jwt_extra_audiences = ["cache"], jwt_svid_file_name = "jwt_svid.token" },
  { jwt_audience = "queue", jwt_svid_file_name = "queue.token" },
]
jwt_bundle_file_name = "bundle.json"
cert_file_mode = 0444
key_file_mode = 0640
jwt_bundle_file_mode = 444
jwt_svid_file_mode = 0400
include_federated_domains = true
omit_expired = true
add_intermediates_to_bundle = true
daemon_mode = true
hint = "internal"
health_checks {
  listener_enabled = true
  bind_port = 8089
  liveness_path = "/alive"
  readiness_path = "/there"
}
`,
    );
    const { removesExpired: _, notifyTimeoutMs: __, timeoutMs: ___, ...read } = await load({ config });
    assert.deepEqual(read, {
      endpoint: "/run/agent.sock",
      folder: "certs",
      layout: "files",
      chainFile: "svid.pem",
      keyFile: "svid_key.pem",
      bundleFile: "svid_bundle.pem",
      combinedFile: undefined,
      bundlesFolder: undefined,
      jwtFiles: [
        { audience: ["db", "cache"], fileName: "jwt_svid.token" },
        { audience: ["queue"], fileName: "queue.token" },
      ],
      jwtBundleFile: "bundle.json",
      includesFederated: true,
      omitsExpired: true,
      intermediatesInBundle: true,
      modes: { cert: 0o444, key: 0o640, jwtBundle: 0o674, jwtSvid: 0o400 },
      hint: "internal",
      spiffeId: undefined,
      isOnce: false,
      command: { program: "nginx", args: ["-g", "daemon off;", "-q"] },
      renewSignal: "SIGUSR1",
      pidFile: "/run/nginx.pid",
      notifyUrl: undefined,
      notifyOn: "x509",
      health: { host: undefined, port: 8089, livePath: "/alive", readyPath: "/there" },
      logLevel: "info",
    });
  });

  it("has spiffe-helper's defaults for spiffe-helper's file, and takes empty texts as not given", async () => {
    const config = fileOf(
      "least.conf",
      'cmd = ""\ncmd_args = ""\nrenew_signal = ""\ncert_dir = "certs"\nsvid_file_name = "a"\nsvid_key_file_name = "b"\nsvid_bundle_file_name = "c"\n',
    );
    const read = await load({ config });
    assert.deepEqual(read.modes, { cert: 0o644, key: 0o600, jwtBundle: 0o600, jwtSvid: 0o600 });
    assert.equal(read.endpoint, "/tmp/spire-agent/public/api.sock");
    assert.equal(read.command, undefined);
    assert.equal(read.health, undefined);
    assert.equal(read.isOnce, false);
    const env = { SPIFFE_ENDPOINT_SOCKET: "unix:///run/own.sock" };
    assert.equal((await load({ config }, env)).endpoint, undefined);
    assert.equal((await load({ config, daemonMode: "false" })).isOnce, true);
  });

  it("names every unknown key with its line, in HCL and in YAML", async () => {
    const helper = fileOf(
      "unknown.conf",
      'cert_dir = "certs"\nsvid_file_nam = "svid.pem"\njwt_svids = [{\n  jwt_audience = "db"\n  jwt_svid_file_name = "t"\n  audience = "x"\n}]\nhealth_checks {\n  port = 1\n}\n',
    );
    assert.deepEqual(await problemsOf(load({ config: helper })), [
      "unknown.conf:2: svid_file_nam: unknown setting, did you mean svid_file_name?",
      "unknown.conf:6: jwt_svids.audience: unknown setting",
      "unknown.conf:9: health_checks.port: unknown setting",
    ]);
    const ours = fileOf(
      "unknown.yaml",
      "cert_dir: certs\nsvid_file_nam: svid.pem\njwt_svids:\n  - jwt_audience: db\n    jwt_svid_file_name: t\n    audience: x\n",
    );
    assert.deepEqual(await problemsOf(load({ config: ours })), [
      "unknown.yaml:2:1: svid_file_nam: unknown setting, did you mean svid_file_name?",
      'unknown.yaml:6:5: jwt_svids: 0: unrecognized key: "audience"',
    ]);
    const broken = fileOf("broken.conf", 'cert_dir = "certs"\nsvid_file_name =\n');
    assert.match((await problemsOf(load({ config: broken })))[0] ?? "", /^broken\.conf:\d: a value is missing/);
  });

  it("refuses what cannot be meant", async () => {
    const refused: readonly (readonly [FilesFlags, RegExp])[] = [
      [{}, /^--dir: cert_dir: is required$/],
      [{ dir: "d", svid: "../out.pem" }, /--svid: svid_file_name: must be a path below cert_dir/],
      [{ dir: "d", svid: "/etc/out.pem" }, /must be a path below cert_dir/],
      [{ dir: "d", svid: "..data" }, /must not begin with two dots/],
      [{ dir: "d", svid: "one", key: "one" }, /two files would be one/],
      [{ dir: "d", jwt: ["token"] }, /--jwt: must be FILE=AUDIENCE/],
      [{ dir: "d", jwt: ["../token=db"] }, /--jwt: must be FILE=AUDIENCE/],
      [{ dir: "d", pidFile: "p" }, /renew_signal: is required with pid_file_name/],
      [{ dir: "d", once: true, pidFile: "p", renewSignal: "HUP" }, /pid_file_name: is for the daemon/],
      [{ dir: "d", renewSignal: "SIGNAL" }, /there is no signal SIGNAL/],
      [{ dir: "d", notifyUrl: "ftp://x" }, /must be an http or https URL/],
      [{ dir: "d", notifyUrl: "http://me:secret@x/" }, /must not hold a user name or password/],
      [{ dir: "d", hint: "a", spiffeId: "spiffe://one.test/a" }, /give hint or spiffe_id, not both/],
      [{ config: fileOf("number.yaml", "cert_dir: d\nkey_file_mode: 0600\n") }, /number\.yaml:2:1: .*in quotes/],
      [{ config: fileOf("nothing.conf", 'cert_dir = "d"\n') }, /nothing would be written/],
      [{ config: join(folder, "none.conf") }, /none\.conf: ENOENT/],
    ];
    for (const [flags, expected] of refused) {
      const problems = await problemsOf(load(flags));
      assert.match(problems.join("\n"), expected, JSON.stringify(flags));
    }
  });

  it("writes chain, key and bundle when no file is named, and runs the words after --", async () => {
    const read = await load({ dir: "d", renewSignal: "HUP" }, {}, ["web", "--port", "1"]);
    assert.equal(read.layout, "swap");
    assert.deepEqual([read.chainFile, read.keyFile, read.bundleFile], ["svid.pem", "svid_key.pem", "svid_bundle.pem"]);
    assert.deepEqual(read.command, { program: "web", args: ["--port", "1"] });
    assert.equal(read.renewSignal, "SIGHUP");
    const jwtOnly = await load({ dir: "d", jwt: ["token=db,cache"] });
    assert.deepEqual(jwtOnly.jwtFiles, [{ fileName: "token", audience: ["db", "cache"] }]);
    assert.deepEqual([jwtOnly.chainFile, jwtOnly.notifyOn], [undefined, "any"]);
  });

  it("warns when everybody could read the key", async () => {
    const env = { COUNTERSIGN_WRITE_FILES_KEY_FILE_MODE: "0644" };
    assert.match(warningsOf(await load({ dir: "d" }, env)).join(), /key_file_mode 0644 lets every user/);
    assert.deepEqual(warningsOf(await load({ dir: "d" })), []);
  });
});

describe("cmd_args", () => {
  it("is split as spiffe-helper splits it", () => {
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["", []],
      ["a b", ["a", "b"]],
      ["a  b ", ["a", "", "b", ""]],
      ['"this is one argument"', ["this is one argument"]],
      ['"ONE double-quote "" in it" x', ['ONE double-quote " in it', "x"]],
      ["-c 'echo hello'", ["-c", "'echo", "hello'"]],
    ];
    for (const [text, expected] of cases) assert.deepEqual(splitArguments(text), expected, text);
  });

  it("is refused when a quote does not end, or is out of place", () => {
    for (const text of ['"open', 'a"b', '"a"b']) assert.throws(() => splitArguments(text), /out of place/, text);
  });
});
