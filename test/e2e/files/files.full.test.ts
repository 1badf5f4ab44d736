// needs: time; budget: 240; waits
import assert from "node:assert/strict";
import { readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { isReady, Running, startCountersign } from "../../env/processes.ts";
import { type AgentHandle, System } from "../../env/system.ts";
import { PairReader } from "../../fakes/pair-reader.ts";

const program = fileURLToPath(new URL("../../fixtures/file-tls-server.ts", import.meta.url));
// Renewed after six seconds; in the other six a killed program must be up again, on a busy machine too.
const shortLives = { ca_ttl: "30s", default_x509_svid_ttl: "12s", agent_ttl: "30s" };

function startBridge(agent: AgentHandle, folder: string, flags: readonly string[]): Running {
  return startCountersign(["agent", "write-files", "--dir", folder, "--socket", agent.socket, ...flags]);
}

/** A handshake as a program with files does it; the serial of the server's certificate. */
function handshake(port: number, folder: string): Promise<string> {
  const now = realpathSync(join(folder, "..data"));
  const read = (name: string): Buffer => readFileSync(join(now, name));
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ port, host: "127.0.0.1", cert: read("svid.pem"), key: read("svid_key.pem"), ca: read("svid_bundle.pem") },
      checkServerIdentity: (_host, { subjectaltname }) =>
        subjectaltname === "URI:spiffe://test.example/web" ? undefined : new Error(`it is ${subjectaltname}`),
    });
    let serial = "";
    let answer = "";
    socket.on("secureConnect", () => {
      serial = socket.getPeerX509Certificate()?.serialNumber ?? "";
    });
    socket.on("data", (bytes) => {
      answer += bytes;
    });
    // The server's refusal of our certificate comes after the handshake, in TLS 1.3.
    socket.on("end", () => (answer === "hello\n" ? resolve(serial) : reject(new Error(`answered ${answer}`))));
    socket.on("error", reject);
  });
}

function statusOf(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: "127.0.0.1", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}

describe("agent write-files on real processes", { concurrency: true }, () => {
  it("keeps a program that reloads on a signal serving through rotations, its own death and one of the agent", async () => {
    await using system = await System.start({ settings: shortLives });
    const agent = await system.startAgent();
    const folder = join(system.folder, "identity");
    const pidFile = join(system.folder, "program.pid");
    const flags = ["--pid-file", pidFile, "--renew-signal", "SIGHUP", "--log-level", "debug"];
    await using waiting = startBridge(agent, folder, flags);
    await waiting.waitFor(
      ({ message, reason }) => message === "nothing new comes" && reason === "ERR_NO_IDENTITY",
      30_000,
    );
    await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
    await waiting.waitFor(isReady);
    await using tlsServer = new Running(process.execPath, [program, folder, pidFile]);
    const port = Number((await tlsServer.waitFor(isReady))["port"]);
    const paths = { chain: join(folder, "svid.pem"), key: join(folder, "svid_key.pem"), resolvesFolder: true };
    await using reader = await PairReader.start({ ...paths, pauseMs: 2 });
    const serials = new Set<string>();
    let handshakes = 0;
    const through = async (rotations: number): Promise<void> => {
      for (const until = serials.size + rotations; serials.size < until; handshakes += 1) {
        serials.add(await handshake(port, folder));
      }
    };
    await through(2);
    // Killed at any moment, it leaves whole files, and the next one goes on.
    waiting.kill("SIGKILL");
    await waiting.ended;
    await using bridge = startBridge(agent, folder, flags);
    await bridge.waitFor(isReady);
    await through(1);
    const restarted = await system.restartAgent(agent);
    await through(1);
    const counts = await reader.stop();
    assert.deepEqual([counts.mismatches, counts.failures], [0, []]);
    assert.ok(counts.certificates >= 4, `${counts.certificates} certificates`);
    assert.ok(handshakes >= 20, `${handshakes} handshakes`);
    assert.deepEqual(
      tlsServer.log.filter(({ message }) => message === "refused"),
      [],
    );
    await restarted.running.stop();
    assert.equal(await bridge.stop(), 0);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith(".new")),
      [],
    );
  });

  it("runs a command on the files, tells it of renewals, answers probes, and ends it", async () => {
    await using system = await System.start({ settings: { default_x509_svid_ttl: "4s", agent_ttl: "1h" } });
    const agent = await system.startAgent();
    await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
    const folder = join(system.folder, "identity");
    const probes = { COUNTERSIGN_WRITE_FILES_HEALTH_CHECKS_LISTENER_ENABLED: "true" };
    const port = { COUNTERSIGN_WRITE_FILES_HEALTH_CHECKS_BIND_PORT: "0" };
    const words = ["--", process.execPath, program, folder, join(system.folder, "pid")];
    await using bridge = startCountersign(
      ["agent", "write-files", "--dir", folder, "--socket", agent.socket, "--renew-signal", "HUP", ...words],
      { environment: { ...probes, ...port } },
    );
    const listening = await bridge.waitFor(({ message }) => message === "health checks");
    const child = await bridge.waitFor(({ message }) => message === "started the command");
    await bridge.waitFor(({ message }) => message === "serving");
    const healthPort = Number(listening["port"]);
    assert.deepEqual(
      await Promise.all(["/live", "/ready", "/x"].map((path) => statusOf(healthPort, path))),
      [200, 200, 404],
    );
    await bridge.waitFor(({ message }) => message === "reloaded");
    // Withdrawn and expired: the program is not ready any more, but the bridge lives.
    await agent.running.stop();
    const over = ({ message }: Record<string, unknown>): boolean =>
      String(message).startsWith("expired without renewal");
    await bridge.waitFor(over);
    assert.deepEqual(await Promise.all(["/live", "/ready"].map((path) => statusOf(healthPort, path))), [200, 503]);
    assert.equal(await bridge.stop(), 0);
    assert.throws(() => process.kill(Number(child["pid"]), 0), { code: "ESRCH" });
    rmSync(folder, { recursive: true });
  });
});
