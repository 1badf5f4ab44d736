// needs: time; budget: 180
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { processIdentity } from "../../../cli/dev/processes.ts";
import { countersign, type Running, startCountersign } from "../../env/processes.ts";

const launcher = fileURLToPath(new URL("../../../cli/countersign.js", import.meta.url));
// Of our own, so that nobody else's worlds are stopped.
const base = mkdtempSync(join(tmpdir(), "cd-"));
const environment = { TMPDIR: base, XDG_RUNTIME_DIR: base, SPIFFE_ENDPOINT_SOCKET: "", COUNTERSIGN_SERVER_SOCKET: "" };
after(async () => {
  // Of a test that failed.
  await countersign(["dev", "--stop"], { environment });
  rmSync(base, { recursive: true, force: true });
});

const folders = (): readonly string[] => readdirSync(base);

function hasLine(text: string): (line: Readonly<Record<string, unknown>>) => boolean {
  return ({ text: line }) => String(line).includes(text);
}

async function shell(
  script: string,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const child = spawn("bash", ["-c", script], { env: { ...process.env, ...environment } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (bytes) => {
    stdout += bytes;
  });
  child.stderr.on("data", (bytes) => {
    stderr += bytes;
  });
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

describe("countersign dev", () => {
  it("runs a program with an identity, ends with its exit code and leaves nothing", async () => {
    const script = `
      const { X509Source } = await import(${JSON.stringify(new URL("../../../sdk/index.ts", import.meta.url).href)});
      const source = await X509Source.open();
      console.log(source.svids.map(({ id }) => id.toString()).join());
      await source.close();
      process.exitCode = process.env.COUNTERSIGN_SERVER_SOCKET ? 7 : 1;`;
    const flags = ["--spiffe-id", "/me", "--entry", "/db", "--trust-domain", "try.example"];
    const program = [process.execPath, "--input-type=module", "-e", script];
    const { code, stdout, stderr } = await countersign(["dev", ...flags, "--", ...program], { environment });
    assert.deepEqual([code, stdout], [7, "spiffe://try.example/me,spiffe://try.example/db"], stderr);
    assert.match(stderr, /^countersign dev: spiffe:\/\/try\.example\/me at unix:\/\/\/.*$/);
    assert.deepEqual(folders(), []);
    const missing = await countersign(["dev", "--", "/no/such/program"], { environment });
    assert.equal(missing.code, 127);
    assert.match(
      missing.stderr,
      /Error: \/no\/such\/program: there is no such program \(ERR_DEV_PROGRAM\)\n +check its name/,
    );
    assert.deepEqual(folders(), []);
  });

  it("passes signals on to the program", async () => {
    const script = "trap 'echo told; exit 9' TERM; echo started; while :; do sleep 0.05; done";
    await using running = startCountersign(["dev", "--", "sh", "-c", script], { environment });
    await running.waitFor(hasLine("started"));
    running.kill("SIGTERM");
    assert.equal(await running.ended, 9);
    assert.match(running.stdout, /^started\ntold$/);
    assert.deepEqual(folders(), []);
  });

  it("says what it did, for its user alone, and cleans up when it is told to end; what a kill left goes next time", async () => {
    const killed: Running = startCountersign(["dev"], { environment });
    await killed.waitFor(hasLine("Ctrl-C ends it"));
    killed.kill("SIGKILL");
    await killed.ended;
    const [left = ""] = folders();
    assert.match(left, /^countersign-dev-/);
    await using running = startCountersign(["dev", "--output", "json"], { environment });
    const { endpoint, server_socket, spiffe_ids } = await running.waitFor((line) => "endpoint" in line);
    const own = folders();
    assert.ok(!own.includes(left), "the folder of the killed one is still there");
    assert.deepEqual([own.length, statSync(join(base, own[0] ?? "")).mode & 0o777], [1, 0o700]);
    assert.ok(Array.isArray(spiffe_ids) && String(spiffe_ids[0]).startsWith("spiffe://dev.example/"));
    const socket = ["--socket", String(server_socket)];
    const listed = await countersign(["entry", "count", ...socket], { environment });
    assert.equal(listed.code, 0, listed.stderr);
    const got = await countersign(["api", "fetch", "x509", "--socket", String(endpoint)], { environment });
    assert.equal(got.code, 0, got.stderr);
    running.kill("SIGINT");
    assert.equal(await running.ended, 0);
    assert.deepEqual(folders(), []);
  });

  it("starts in the background for a shell's eval, once, and stops", async () => {
    const command = `'${process.execPath}' '${launcher}'`;
    const { code, stdout, stderr } = await shell(`
      set -e
      countersign() { ${command} "$@"; }
      printed="$(countersign dev --env --x509-ttl 10s 2>/dev/null)"
      eval "$printed"
      echo "$printed"
      countersign entry count --output json
      countersign api fetch x509
      echo "again $(countersign dev --env --x509-ttl 10s)"
      countersign dev --env --x509-ttl 10s --output json
      SPIFFE_ENDPOINT_SOCKET=unix:///run/other.sock countersign dev --stop
      cat "$(dirname "\${SPIFFE_ENDPOINT_SOCKET#unix://}")/dev.json"; echo
      countersign dev --stop --output json`);
    assert.equal(code, 0, stderr);
    const lines = stdout.split("\n");
    assert.match(lines[0] ?? "", /^export SPIFFE_ENDPOINT_SOCKET=unix:\/\/\/.*\/agent\.sock$/);
    assert.match(lines[1] ?? "", /^export COUNTERSIGN_SERVER_SOCKET=\/.*\/admin\.sock$/);
    assert.equal(lines[2], "# to stop it: countersign dev --stop");
    assert.equal(lines[3], '{"count":2}', "of the agent and of the user");
    assert.match(lines[4] ?? "", /^SPIFFE ID +: spiffe:\/\/dev\.example\//);
    assert.ok(stdout.includes(`again ${lines[0]}`), "another one was started");
    const json = JSON.parse(lines.find((line) => line.startsWith('{"endpoint"')) ?? "");
    assert.equal(lines[0], `export SPIFFE_ENDPOINT_SOCKET=${json.endpoint}`);
    assert.equal(lines[1], `export COUNTERSIGN_SERVER_SOCKET=${json.server_socket}`);
    assert.match(stdout, /^\{"stopped":\["unix:[^"]+"\]\}$/m);
    assert.match(stderr, /runs already\n.*runs already\nnothing stopped: .*other\.sock.*\nstopped: unix:/);
    const pid = Number(/"pid":(\d+)/.exec(stdout)?.[1]);
    assert.ok(pid > 1);
    assert.equal(processIdentity(pid), undefined);
    assert.deepEqual(folders(), []);
  });

  it("prints nothing to evaluate when it cannot start", async () => {
    const wrong = await countersign(["dev", "--env", "--entry", "/db=nonsense"], { environment });
    assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
    assert.match(wrong.stderr, /--entry/);
    const twice = ["--spiffe-id", "/me", "--entry", "/me"];
    const refused = await countersign(["dev", "--env", ...twice], { environment });
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /did not start[\s\S]*an identity was refused/);
    assert.deepEqual(folders(), []);
  });

  it("takes no folder for its state that it did not make, and removes none", async () => {
    const own = mkdtempSync(join(tmpdir(), "own-"));
    const { code, stderr } = await countersign(["dev", "--state-folder", own, "--", "true"], { environment });
    assert.equal(code, 2, stderr);
    assert.ok(statSync(own).isDirectory());
    rmSync(own, { recursive: true });
  });
});
