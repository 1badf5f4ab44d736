import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { countersign, startCountersign } from "../../env/processes.ts";
import { agentIdOf } from "../../env/raw-agent.ts";
import { System } from "../../env/system.ts";

function addressOf(system: System): { readonly host: string; readonly port: number } {
  const [host = "", port] = system.address.split(":");
  return { host, port: Number(port) };
}

/** What a TLS client got to see: the protocol agreed on, or why not. */
function handshake(system: System, options: Readonly<Record<string, unknown>>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({
      ...addressOf(system),
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      ...options,
    });
    socket.on("secureConnect", () => {
      resolve(socket.getProtocol() ?? "none");
      socket.destroy();
    });
    socket.on("error", (error) => resolve(`refused ${error.message}`));
  });
}

describe("the daemons as processes", () => {
  it("do not open a debugger on SIGUSR1, ignore NODE_OPTIONS, and write no core files", async () => {
    await using system = await System.start({ spawn: { environment: { NODE_OPTIONS: "--title=from-node-options" } } });
    const agent = await system.startAgent();
    for (const running of [system.server, agent.running]) {
      process.kill(running.pid, "SIGUSR1");
      const limits = readFileSync(`/proc/${running.pid}/limits`, "utf8");
      assert.match(limits, /Max core file size\s+0\s+0/);
      const commandLine = readFileSync(`/proc/${running.pid}/cmdline`, "utf8");
      assert.match(commandLine, /--disable-sigusr1/);
      assert.doesNotMatch(commandLine, /from-node-options/);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    await assert.rejects(
      new Promise((resolve, reject) => connect(9229, "127.0.0.1").on("connect", resolve).on("error", reject)),
    );
    for (const running of [system.server, agent.running]) {
      assert.doesNotMatch(running.tail(200), /Debugger listening/);
    }
    const health = await system.tryCli("server", "healthcheck");
    assert.equal(health.code, 0, health.stderr);
  });

  it("keep their secrets to themselves on disk", async () => {
    await using system = await System.start();
    const agent = await system.startAgent();
    assert.equal(statSync(system.serverSocket).mode & 0o777, 0o770);
    assert.equal(statSync(join(system.folder, "server", "private")).mode & 0o777, 0o750);
    assert.equal(statSync(agent.socket).mode & 0o777, 0o777);
    const found = spawnSync("find", [system.folder, "-type", "f", "-perm", "/077", "-size", "+0"], {
      encoding: "utf8",
    });
    const readable = found.stdout
      .split("\n")
      .filter((path) => path !== "" && !path.endsWith(".pem") && !path.endsWith(".yaml"));
    assert.deepEqual(readable, []);
    // The agent's id holds the token as SPIRE's does; by then the token is used up.
    const logs = `${system.server.tail(1000)}${agent.running.tail(1000)}`.replaceAll(
      agentIdOf(system, agent.token),
      "",
    );
    assert.ok(!logs.includes(agent.token), "a join token is in a log");
    assert.doesNotMatch(logs, /PRIVATE KEY/);
  });

  it("stop gracefully: exit code 0, sockets gone, watchers told Unavailable", async () => {
    await using system = await System.start();
    const agent = await system.startAgent();
    assert.equal(await agent.running.stop(), 0);
    assert.equal(existsSync(agent.socket), false);
    assert.equal(await system.server.stop(), 0);
    assert.equal(existsSync(system.serverSocket), false);
  });

  it("stop gracefully also while no server answers: the agent is not ready then", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cst-unready-"));
    try {
      const flags = ["--trust-domain", "x.test", "--server", "127.0.0.1:1", "--data-dir", join(folder, "data")];
      const bootstrap = ["--insecure-bootstrap", "--join-token", "t", "--socket", join(folder, "agent.sock")];
      await using agent = startCountersign(["agent", "run", ...flags, ...bootstrap]);
      await agent.waitFor((line) => line["level"] === "warn" && line["retry_ms"] !== undefined);
      assert.equal(await agent.stop(), 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuse a socket path that is too long or taken, and impossible settings, in one clear message", async () => {
    await using system = await System.start();
    const run = (...flags: readonly string[]): ReturnType<typeof countersign> =>
      countersign([
        "server",
        "run",
        "--trust-domain",
        "x.test",
        "--data-dir",
        join(system.folder, "other"),
        "--bind",
        "127.0.0.1:0",
        ...flags,
      ]);
    const long = await run("--socket", `/tmp/${"x".repeat(120)}`);
    assert.equal(long.code, 2);
    assert.match(long.stderr, /107 bytes/);
    const taken = await run("--socket", system.serverSocket);
    assert.notEqual(taken.code, 0);
    assert.match(taken.stderr, /ERR_SOCKET_IN_USE/);
    const config = join(system.folder, "bad.yaml");
    writeFileSync(config, "trust_domain: UPPER\nca_ttl: soon\nca_tll: 5m\n");
    const bad = await countersign(["server", "validate", "--config", config]);
    assert.equal(bad.code, 2);
    for (const problem of [/bad\.yaml:1/, /bad\.yaml:2/, /bad\.yaml:3/, /ca_tll/, /data_dir/])
      assert.match(bad.stderr, problem);
    writeFileSync(config, `trust_domain: x.test\ndata_dir: ${system.folder}/other\n`);
    assert.equal((await countersign(["server", "validate", "--config", config])).code, 0);
  });

  it("refuse to share a data directory", async () => {
    await using system = await System.start();
    const second = await countersign([
      ...["server", "run", "--trust-domain", system.trustDomain, "--data-dir", join(system.folder, "server")],
      ...["--bind", "127.0.0.1:0", "--socket", join(system.folder, "second.sock")],
    ]);
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, /ERR_STORE_LOCKED/);
  });

  it("speak TLS 1.3 only and never resume a session", async () => {
    await using system = await System.start();
    assert.equal(await handshake(system, {}), "TLSv1.3");
    assert.match(await handshake(system, { maxVersion: "TLSv1.2" }), /^refused/);
    assert.match(await handshake(system, { ALPNProtocols: ["http/1.1"] }), /^refused|TLSv1.3/);
    // OpenSSL hands out sessions all the same; offering one back must lead to a full handshake.
    const options = { ...addressOf(system), rejectUnauthorized: false, ALPNProtocols: ["h2"] };
    const session = await new Promise<Buffer | undefined>((resolve) => {
      const socket = connectTls(options);
      socket.once("session", resolve).once("secureConnect", () => setTimeout(() => resolve(undefined), 1_000));
      setTimeout(() => socket.destroy(), 1_500);
    });
    const isReused = await new Promise<boolean>((resolve, reject) => {
      const socket = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
      socket.once("error", reject).once("secureConnect", () => {
        resolve(socket.isSessionReused());
        socket.destroy();
      });
    });
    assert.equal(isReused, false);
  });

  it("tell a wrong server nothing: no join token leaves the agent", async () => {
    await using system = await System.start();
    await using impostor = await System.start();
    const bundle = join(system.folder, "right.pem");
    writeFileSync(bundle, (await system.cli("bundle", "show")).stdout);
    const seen: Buffer[] = [];
    // Between agent and impostor: everything the agent says is recorded, though encrypted.
    const relay = createServer((client) => {
      const upstream = connect(addressOf(impostor));
      client.on("data", (chunk: Buffer) => seen.push(chunk));
      client.pipe(upstream).pipe(client);
      client.on("error", () => upstream.destroy());
      upstream.on("error", () => client.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    const address = relay.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const token = "secret-token-that-must-not-leave";
    const data = join(system.folder, "lost");
    mkdirSync(data);
    await using agent = startCountersign(
      [
        ...["agent", "run", "--trust-domain", system.trustDomain, "--server", `127.0.0.1:${port}`, "--data-dir", data],
        ...["--socket", join(system.folder, "lost.sock"), "--join-token", token, "--bundle", bundle],
      ],
      // Roots that OpenSSL would take from the environment must not make the impostor trusted.
      { environment: { NODE_EXTRA_CA_CERTS: await writeBundle(impostor) } },
    );
    await agent.waitFor((line) => /ERR_PEER_NOT_VERIFIED|not who it should be/.test(JSON.stringify(line)), 15_000);
    assert.ok(seen.length > 0);
    assert.match((await impostor.cli("agent", "count")).stdout, /^0 agents/);
    assert.ok(!impostor.server.tail(1000).includes("AttestAgent"), "the impostor was asked to attest");
    relay.close();
  });
});

async function writeBundle(system: System): Promise<string> {
  const path = join(system.folder, "extra.pem");
  writeFileSync(path, (await system.cli("bundle", "show")).stdout);
  return path;
}
