import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";

type Line = Readonly<Record<string, unknown>>;

/** `countersign server run` as its users start it; its log is read line by line. */
class Program {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  readonly exited: Promise<number>;
  #heard = Promise.withResolvers<void>();

  constructor(config: string) {
    const args = ["cli/countersign.js", "server", "run", "--config", config];
    this.child = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env["PATH"] },
    });
    this.exited = once(this.child, "exit").then(([code]) => Number(code));
    assert.ok(this.child.stderr !== null);
    createInterface({ input: this.child.stderr }).on("line", (text) => {
      this.lines.push(text.startsWith("{") ? JSON.parse(text) : { message: text });
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    });
  }

  async line(matches: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = this.lines.find(matches);
      if (found !== undefined) return found;
      const gone = this.exited.then((code) =>
        Promise.reject(new Error(`exited with ${code}: ${JSON.stringify(this.lines)}`)),
      );
      await Promise.race([this.#heard.promise, gone]);
    }
  }

  ready(): Promise<Line> {
    return this.line(({ message }) => message === "ready");
  }
}

describe("countersign server run", () => {
  let directory = "";
  let config = "";
  let program: Program;

  const write = (parts: string): void => {
    writeFileSync(
      config,
      `trust_domain: example.org
data_dir: ${directory}/data
socket_path: ${directory}/private/api.sock
bind_address: 127.0.0.1
bind_port: 0
health_checks: { listener_enabled: true, bind_address: 127.0.0.1, bind_port: ${healthPort} }
${parts}`,
    );
  };
  // Chosen once: a log line does not tell it.
  const healthPort = 20_000 + (process.pid % 20_000);
  const get = (path: string) => fetch(`http://127.0.0.1:${healthPort}${path}`);

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "cs-program-"));
    config = join(directory, "server.yaml");
    write("");
    program = new Program(config);
    await program.ready();
  });
  after(async () => {
    program.child.kill("SIGKILL");
    await program.exited;
    rmSync(directory, { recursive: true, force: true });
  });

  it("serves the admin socket to its group alone, health and metrics", async () => {
    assert.equal(statSync(`${directory}/private/api.sock`).mode & 0o777, 0o770);
    assert.equal(statSync(`${directory}/private`).mode & 0o777, 0o750);
    const [live, ready, metrics] = await Promise.all([get("/live"), get("/ready"), get("/metrics")]);
    assert.deepEqual([live.status, ready.status, metrics.status], [200, 200, 200]);
    assert.deepEqual(await ready.json(), { store: "ok", bundle: "ok", authority: "ok" });
    const text = await metrics.text();
    for (const name of [
      "countersign_server_calls_total",
      "countersign_server_issued_total",
      "countersign_server_refused_total",
      "countersign_server_authority_expiry_seconds",
      "countersign_server_agent_expiry_seconds",
      "countersign_server_connected_agents",
      "countersign_server_acknowledged_lag",
      'countersign_server_queue_depth{queue="signing"}',
      "countersign_server_event_loop_stall_seconds",
    ]) {
      assert.ok(text.includes(name), name);
    }
  });

  it("reads again on SIGHUP what is safe to read again, and keeps what it has when the file is broken", async () => {
    write("log_level: debug\nrate_limits: { attest: 7 }\n");
    program.child.kill("SIGHUP");
    const again = await program.line(({ message }) => message === "configuration read again");
    assert.equal(again["log_level"], "debug");
    write("log_level: loud\n");
    program.child.kill("SIGHUP");
    const refused = await program.line(({ message }) => message === "configuration not read again");
    assert.match(String(refused["error"]), /server\.yaml:\d+:1: log_level/);
    assert.equal((await get("/live")).status, 200);
  });

  it("says which settings are to change when another program has its port for probes", async () => {
    const [path, other] = [join(directory, "second.yaml"), join(directory, "second")];
    const listener = `{ listener_enabled: true, bind_address: 127.0.0.1, bind_port: ${healthPort} }`;
    const settings = [`data_dir: ${other}`, `socket_path: ${other}.sock`, `health_checks: ${listener}`];
    writeFileSync(path, ["trust_domain: example.org", "bind_port: 0", ...settings].join("\n"));
    const second = new Program(path);
    assert.equal(await second.exited, 1);
    const last = second.lines.find((line) => line["error_code"] === "ERR_LISTEN_FAILED");
    assert.match(String(last?.["error"]), new RegExp(`127.0.0.1:${healthPort} .*health_checks.bind_port.*EADDRINUSE`));
  });

  it("stops at once while it is still starting, waiting for the authority above", async () => {
    const [path, other] = [join(directory, "below.yaml"), join(directory, "below")];
    const upstream = `{ type: spire, server_address: 127.0.0.1, workload_api_socket: ${other}.none }`;
    const settings = [`data_dir: ${other}`, `socket_path: ${other}.sock`, `upstream_authority: ${upstream}`];
    writeFileSync(path, ["trust_domain: example.org", "bind_port: 0", ...settings].join("\n"));
    const below = new Program(path);
    await below.line(({ message }) => message === "authority changed state");
    below.child.kill("SIGTERM");
    assert.equal(await below.exited, 0);
    assert.equal(below.lines.at(-1)?.["message"], "the server has stopped");
  });

  it("does not share its data directory, and stops at SIGTERM with 0", async () => {
    write("health_checks.none: 1\n");
    const invalid = new Program(config);
    assert.equal(await invalid.exited, 2);
    write("bind_port: 0\n".repeat(0));
    const second = new Program(config);
    assert.equal(await second.exited, 5);
    assert.ok(
      second.lines.some((line) => line["error_code"] === "ERR_STORE_LOCKED" && typeof line["fix"] === "string"),
    );
    program.child.kill("SIGTERM");
    assert.equal(await program.exited, 0);
  });

  it("does not become another server of the same name when its database is lost", async () => {
    const database = `${directory}/data/server.db`;
    renameSync(database, `${database}.backup`);
    for (const lost of ["gone", "emptied", "still new"]) {
      if (lost === "emptied") writeFileSync(database, "");
      const restarted = new Program(config);
      assert.equal(await restarted.exited, 5, lost);
      assert.ok(restarted.lines.some((line) => line["error_code"] === "ERR_STORE_LOST"));
    }
    renameSync(`${database}.backup`, database);
    program = new Program(config);
    await program.ready();
  });
});
