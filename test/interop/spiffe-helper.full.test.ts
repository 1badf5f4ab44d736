// needs: go; budget: 300
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Running, startCountersign } from "../env/processes.ts";
import { type AgentHandle, System } from "../env/system.ts";

type Which = "theirs" | "ours";

/** spiffe-helper and `agent write-files`, each with the same configuration, at the same agent. */
describe("spiffe-helper and what takes its place", () => {
  let system: System;
  let agent: AgentHandle;
  const started: Running[] = [];
  const program = (): string => join(system.folder, "spiffe-helper");

  before(async () => {
    system = await System.start({ settings: { default_x509_svid_ttl: "8s" } });
    agent = await system.startAgent();
    await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
    execFileSync("go", ["build", "-o", program(), "github.com/spiffe/spiffe-helper/cmd/spiffe-helper"], {
      cwd: fileURLToPath(new URL("spiffe-helper", import.meta.url)),
      env: { ...process.env, CGO_ENABLED: "0" },
    });
  });
  after(async () => {
    await Promise.all(started.map((running) => running.stop(2_000)));
    await system[Symbol.asyncDispose]();
  });

  function folderOf(name: string, which: Which): string {
    const folder = join(system.folder, name, which);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  function start(which: Which, folder: string, settings: string): Running {
    const config = `${folder}.conf`;
    const files = `svid_file_name = "svid.pem"
svid_key_file_name = "svid_key.pem"
svid_bundle_file_name = "svid_bundle.pem"
jwt_bundle_file_name = "jwt.json"
jwt_svids = [{ jwt_audience = "db", jwt_svid_file_name = "db.token" }]
cert_file_mode = 0444
jwt_bundle_file_mode = 416`;
    writeFileSync(config, `agent_address = "${agent.socket}"\ncert_dir = "${folder}"\n${files}\n${settings}\n`);
    const running =
      which === "theirs"
        ? new Running(program(), ["-config", config])
        : startCountersign(["agent", "write-files", "-config", config]);
    started.push(running);
    return running;
  }

  it("write the same files with the same modes", async () => {
    const [theirs, ours] = await Promise.all(
      (["theirs", "ours"] as const).map(async (which) => {
        const folder = folderOf("once", which);
        const running = start(which, folder, "daemon_mode = false");
        assert.equal(await running.ended, 0, running.tail());
        const names = readdirSync(folder).toSorted();
        const read = (name: string): string => readFileSync(join(folder, name), "utf8");
        const bundles: Record<string, string> = JSON.parse(read("jwt.json"));
        const decoded = Object.entries(bundles).map(([name, jwks]) => [name, JSON.parse(atob(jwks))]);
        return {
          modes: names.map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]),
          id: new X509Certificate(read("svid.pem")).subjectAltName,
          certificates: read("svid.pem").split("BEGIN").length,
          key: read("svid_key.pem").split("\n", 1),
          bundle: read("svid_bundle.pem"),
          jwtBundles: decoded,
          audience: JSON.parse(Buffer.from(read("db.token").split(".")[1] ?? "", "base64url").toString()).aud,
        };
      }),
    );
    assert.deepEqual(ours, theirs);
    assert.equal(ours?.id, "URI:spiffe://test.example/web");
  });

  it("run a command, tell it of renewals, and answer probes alike", async () => {
    // spiffe-helper leaves its command alone when it ends.
    const script = "trap 'echo renewed' USR1; echo started; while kill -0 $PPID; do sleep 0.1; done";
    const args = `-c \\"${script}\\"`;
    for (const [which, port] of [
      ["theirs", 18_491],
      ["ours", 18_492],
    ] as const) {
      const folder = folderOf("daemon", which);
      const health = `health_checks { listener_enabled = true\n bind_port = ${port} }`;
      const running = start(
        which,
        folder,
        `cmd = "/bin/sh"\ncmd_args = "${args}"\nrenew_signal = "SIGUSR1"\n${health}`,
      );
      await running.waitFor(({ text }) => text === "started");
      await running.waitFor(({ text }) => text === "renewed");
      const response = await fetch(`http://127.0.0.1:${port}/ready`);
      const files = {
        x509_write_status: "written",
        jwt_write_status: { [join(folder, "jwt.json")]: "written", [join(folder, "db.token")]: "written" },
      };
      assert.equal(response.status, 200);
      assert.partialDeepStrictEqual(await response.json(), { status: "OK", health: { file_write_statuses: files } });
    }
  });

  it("both refuse a key that they do not know; ours says where", async () => {
    for (const which of ["theirs", "ours"] as const) {
      const running = start(which, folderOf("unknown", which), 'svid_fil_name = "x"');
      assert.notEqual(await running.ended, 0);
      assert.match(running.stderr, which === "ours" ? /ours\.conf:\d+: svid_fil_name: unknown/ : /svid_fil_name/);
    }
  });
});
