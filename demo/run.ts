import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, countersign, isReady, type Running, startCountersign } from "../test/env/processes.ts";
import { distinguishableWorkloads, type WorkloadIdentity } from "./identities.ts";
import { Stage } from "./stage.ts";
import { reportsOf, startWorkload, type TrafficReport, type Workload } from "./workloads.ts";

/** Lives so short that a minute shows what otherwise takes days. Seconds. */
const lives = { ca: 40, svid: 12 };
const needed = { requests: 1000, peerSerials: 5, issuers: 2 };
const agentAlias = "spiffe://demo.example/host/this-one";

/** Runs the demo; 0 when every claim it makes was seen to be true. */
export async function runDemo(): Promise<number> {
  const stage = new Stage();
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "countersign-demo-")));
  // Workloads of other uids must reach the agent's socket.
  chmodSync(folder, 0o755);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  try {
    await perform(stage, folder, stack);
    return 0;
  } catch (error) {
    stage.fail(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

async function perform(stage: Stage, folder: string, stack: AsyncDisposableStack): Promise<void> {
  const { how, workloads } = distinguishableWorkloads(["web", "db", "late"], join(folder, "bin"));
  stage.act("1. A server, an agent, two entries");
  const server = await startServer(stage, folder, stack);
  const agent = await startAgent(stage, folder, server, stack);
  const identity = (name: string): WorkloadIdentity => known(workloads.get(name));
  for (const name of ["web", "db"]) await createEntry(stage, server, name, identity(name));

  stage.act("2. Two workloads in their own processes talk mutual TLS");
  stage.tell("demo", how);
  const web = await startWorkload("web", identity("web"), agent.socket, "db", stage, stack);
  const db = await startWorkload("db", identity("db"), agent.socket, "web", stage, stack);
  web.talkTo(db.port);
  db.talkTo(web.port);

  stage.act("3. A process without an entry is refused, and waits");
  await refuseThenAdmit(stage, server, agent, identity("late"), stack);

  stage.act("4. The agent is killed and started again; traffic goes on");
  const restarted = await restartAgent(stage, folder, server, agent, stack);

  stage.act("5. SVIDs and the CA rotate under the traffic");
  const reports = await waitForRotations(stage, [web, db]);
  stage.act("6. Everything stops");
  for (const workload of [web, db]) await workload.stop();
  await restarted.running.stop();
  await server.running.stop();
  summarise(stage, reports);
}

interface ServerHandle {
  readonly running: Running;
  readonly address: string;
  readonly socket: string;
}

interface AgentHandle {
  readonly running: Running;
  readonly socket: string;
}

async function startServer(stage: Stage, folder: string, stack: AsyncDisposableStack): Promise<ServerHandle> {
  const config = join(folder, "server.yaml");
  writeFileSync(config, `ca_ttl: ${lives.ca}s\ndefault_x509_svid_ttl: ${lives.svid}s\nagent_ttl: 30s\n`);
  const socket = join(folder, "server", "private", "api.sock");
  const started = performance.now();
  const running = stack.use(
    startCountersign([
      ...["server", "run", "--config", config, "--trust-domain", "demo.example"],
      ...["--data-dir", join(folder, "server"), "--bind", "127.0.0.1:0", "--socket", socket],
    ]),
  );
  const ready = await running.waitFor(isReady);
  const address = String(ready["address"]);
  stage.tell(
    "server",
    `ready on ${address} after ${(performance.now() - started).toFixed(0)} ms; CA lives ${lives.ca} s, SVIDs ${lives.svid} s`,
  );
  return { running, address, socket };
}

async function startAgent(
  stage: Stage,
  folder: string,
  server: ServerHandle,
  stack: AsyncDisposableStack,
): Promise<AgentHandle> {
  const token = parsed(
    await cli(["token", "generate", "--spiffe-id", agentAlias, "--socket", server.socket, "--output", "json"]),
  );
  const bundle = await cli(["bundle", "show", "--socket", server.socket]);
  writeFileSync(join(folder, "bootstrap.pem"), bundle.stdout);
  const handle = await launchAgent(
    folder,
    server,
    ["--join-token", String(token["value"]), "--bundle", join(folder, "bootstrap.pem")],
    stack,
  );
  stage.tell("agent", "proved its node with a one-time join token and serves the Workload API");
  return handle;
}

async function launchAgent(
  folder: string,
  server: ServerHandle,
  flags: readonly string[],
  stack: AsyncDisposableStack,
): Promise<AgentHandle> {
  const socket = join(folder, "run", "api.sock");
  const running = stack.use(
    startCountersign([
      ...["agent", "run", "--trust-domain", "demo.example", "--server", server.address],
      ...["--data-dir", join(folder, "agent-data"), "--socket", socket, ...flags],
    ]),
  );
  await running.waitFor(isReady);
  return { running, socket };
}

async function createEntry(
  stage: Stage,
  server: ServerHandle,
  name: string,
  identity: WorkloadIdentity,
): Promise<void> {
  const started = performance.now();
  await cli([
    ...["entry", "create", "--parent-id", agentAlias, "--spiffe-id", `spiffe://demo.example/${name}`],
    ...["--selector", identity.selector, "--wait", "--socket", server.socket],
  ]);
  const ms = (performance.now() - started).toFixed(0);
  stage.tell(
    "operator",
    `entry for spiffe://demo.example/${name} (${identity.selector}), in the agent's hand, ${ms} ms with the CLI's own start`,
  );
}

async function refuseThenAdmit(
  stage: Stage,
  server: ServerHandle,
  agent: AgentHandle,
  identity: WorkloadIdentity,
  stack: AsyncDisposableStack,
): Promise<void> {
  const late = await startWorkload("late", identity, agent.socket, undefined, stage, stack);
  const refusal = await late.running.waitFor((line) => line["event"] === "refused");
  stage.tell("late", `refused: ${refusal["message"]} (${refusal["reason"]})`);
  stage.tell("late", `hint: ${refusal["fix"]}`);
  const from = server.running.lines.length;
  await createEntry(stage, server, "late", identity);
  const arrival = await late.running.waitFor((line) => line["event"] === "identity");
  const recorded = await server.running.waitFor(
    (line) => line["type"] === "audit" && String(line["method"]).endsWith("BatchCreateEntry"),
    30_000,
    from,
  );
  const ms = Number(arrival["at"]) - timeOf(recorded["time"]);
  stage.tell("late", `is ${arrival["id"]} now, ${ms.toFixed(0)} ms after the server recorded the entry`);
  await late.stop();
}

async function restartAgent(
  stage: Stage,
  folder: string,
  server: ServerHandle,
  agent: AgentHandle,
  stack: AsyncDisposableStack,
): Promise<AgentHandle> {
  agent.running.kill("SIGKILL");
  await agent.running.ended;
  stage.tell("agent", "killed (SIGKILL)");
  const started = performance.now();
  const again = await launchAgent(folder, server, [], stack);
  stage.tell(
    "agent",
    `back after ${(performance.now() - started).toFixed(0)} ms with the identity it kept; no token needed`,
  );
  return again;
}

async function waitForRotations(stage: Stage, workloads: readonly Workload[]): Promise<readonly TrafficReport[]> {
  const deadline = stage.seconds + 75;
  for (;;) {
    const reports = workloads.map(reportsOf);
    const done = reports.every(isEnough);
    const failed = reports.find((report) => report.failures > 0);
    if (failed !== undefined)
      throw new Error(`${failed.name}: ${failed.failures} request(s) failed: ${failed.lastFailure}`);
    if (done) return reports;
    if (stage.seconds > deadline) {
      throw new Error(`the rotations did not come in time: ${JSON.stringify(reports)}`);
    }
    const ended = workloads.find((workload) => workload.running.child.exitCode !== null);
    if (ended !== undefined) throw new Error(`${ended.name} ended:\n${ended.running.tail()}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function isEnough(report: TrafficReport): boolean {
  return (
    report.requests >= needed.requests &&
    report.freshConnections * 2 >= report.requests - 1 &&
    report.peerSerials >= needed.peerSerials &&
    report.issuers >= needed.issuers
  );
}

function summarise(stage: Stage, reports: readonly TrafficReport[]): void {
  stage.act(`Done in ${stage.seconds.toFixed(0)} s`);
  for (const report of reports) {
    stage.tell(
      report.name,
      `${report.requests} requests over mutual TLS, ${report.freshConnections} on fresh connections, ` +
        `${report.failures} failed; saw ${report.peerSerials} serials of its peer from ${report.issuers} issuers`,
    );
  }
}

async function cli(args: readonly string[]): Promise<CommandResult> {
  const result = await countersign(args);
  if (result.code !== 0)
    throw new Error(`countersign ${args.slice(0, 2).join(" ")} ended with ${result.code}: ${result.stderr}`);
  return result;
}

function parsed(result: CommandResult): Readonly<Record<string, unknown>> {
  return JSON.parse(result.stdout);
}

function timeOf(value: unknown): number {
  return typeof value === "number" ? value : Date.parse(String(value));
}

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("no such workload");
  return value;
}
