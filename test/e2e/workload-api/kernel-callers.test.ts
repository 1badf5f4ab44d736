import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, chmodSync, copyFileSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { UnixAttestor, WorkloadAttestation } from "../../../agent/attestation/workload/index.ts";
import { defaultWorkloadApiConfig, registerWorkloadApi } from "../../../agent/workload-api/index.ts";
import { workloadApiService } from "../../../proto/services.ts";
import { noMetrics, silentLogger, systemClock } from "../../../runtime/core/index.ts";
import { dialUnix, listenUnix, RpcRouter } from "../../../transport/index.ts";
import { FakeIdentities } from "../../fakes/fake-identities.ts";
import { TestAuthority } from "../../fakes/test-authority.ts";
import { eventually, header, ownDomain, Reader } from "../../fakes/workload-api-world.ts";

/** The Workload API with the real attestor, the real kernel and the real clock. */
async function startAgent(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "cs-kernel-"));
  const path = join(folder, "run", "agent.sock");
  const now = systemClock.now();
  const authority = new TestAuthority(ownDomain, { notBeforeMs: now - 60_000, notAfterMs: now + 86_400_000 });
  const identities = new FakeIdentities(authority, systemClock);
  const attestor = new UnixAttestor(systemClock);
  const shared = { clock: systemClock, logger: silentLogger, metrics: noMetrics };
  const attestation = new WorkloadAttestation({ attestors: [attestor], interest: identities, ...shared });
  const router = new RpcRouter();
  const state = () => ({ agentId: undefined, notReady: undefined });
  const config = { ...defaultWorkloadApiConfig, holdCurrentMs: 50 };
  const api = registerWorkloadApi(router, { identities, attestation, state, config, ...shared });
  const listener = await listenUnix({ path, mode: 0o777, directoryMode: 0o755, router });
  context.after(async () => {
    api[Symbol.dispose]();
    await listener.close({ graceMs: 0 });
    await attestor[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return { folder, path, identities, api };
}

const ownUid = `unix:uid:${process.geteuid?.()}`;

test("WEP-22 WEP-23 WAPI-06: who calls is found out from the kernel: this process by its uid, gid and path", async (context) => {
  const { path, identities } = await startAgent(context);
  const selectors = [ownUid, `unix:gid:${process.getegid?.()}`, `unix:path:${realpathSync(process.execPath)}`];
  identities.put({ entryId: "1", path: "/this", selectors });
  identities.put({ entryId: "2", path: "/other-uid", selectors: ["unix:uid:54321"] });
  identities.put({ entryId: "3", path: "/other-path", selectors: [ownUid, "unix:path:/bin/other"] });
  const channel = dialUnix({ path });
  context.after(() => channel.close());
  const { svids } = await channel.unary(workloadApiService.FetchJWTSVID, { audience: ["s"] }, { metadata: header });
  assert.deepEqual(
    svids.map(({ spiffe_id }) => spiffe_id),
    ["spiffe://a.test/this"],
  );
});

test("1,000 workloads connect at once and each has its first message", async (context) => {
  const { path, identities, api } = await startAgent(context);
  identities.put({ entryId: "1", path: "/web", selectors: [ownUid] });
  // Both ends of a thousand are in this process.
  const channels = Array.from({ length: 1_000 }, () => dialUnix({ path, connectTimeoutMs: 60_000 }));
  context.after(() => {
    for (const channel of channels) channel.close();
  });
  const readers = channels.map(
    (channel) => new Reader(channel.serverStream(workloadApiService.FetchX509SVID, {}, { metadata: header })),
  );
  const first = await Promise.all(readers.map((reader) => reader.next()));
  assert.equal(
    first.every(({ svids }) => svids.length === 1),
    true,
  );
  assert.equal(api.calls, 1_000);
  identities.rotate();
  const second = await Promise.all(readers.map((reader) => reader.next()));
  assert.equal(new Set(second.map(({ svids }) => svids[0]?.x509_svid.toString("hex"))).size, 1);
  assert.notDeepEqual(second[0], first[0]);
});

test("an entry by sha256 reaches a program that is waiting, and not its twin of another content", async (context) => {
  const { path, identities, folder } = await startAgent(context);
  identities.put({ entryId: "1", path: "/by-uid", selectors: [ownUid] });
  const channel = dialUnix({ path });
  context.after(() => channel.close());
  const reader = new Reader(channel.serverStream(workloadApiService.FetchX509SVID, {}, { metadata: header }));
  assert.equal((await reader.next()).svids.length, 1);
  const digest = createHash("sha256").update(readFileSync(process.execPath)).digest("hex");
  identities.put({ entryId: "2", path: "/by-digest", selectors: [`unix:sha256:${digest}`] });
  const ids = (await reader.next()).svids.map(({ spiffe_id }) => spiffe_id);
  assert.deepEqual(ids, ["spiffe://a.test/by-uid", "spiffe://a.test/by-digest"]);

  const twin = join(folder, "twin");
  copyFileSync(process.execPath, twin);
  appendFileSync(twin, "x");
  chmodSync(twin, 0o755);
  const answer = await fetchFrom(context, twin, path);
  assert.deepEqual(answer, ["spiffe://a.test/by-uid"]);
});

test("a stream whose process was killed is over, and its subscription with it", async (context) => {
  const { path, identities, api } = await startAgent(context);
  identities.put({ entryId: "1", path: "/web", selectors: [ownUid] });
  const child = startWatcher(context, process.execPath, path);
  await firstLine(child);
  assert.equal(api.calls, 1);
  child.kill("SIGKILL");
  await once(child, "exit");
  await eventually(() => api.calls === 0);
  assert.equal(identities.subscriptions, 0);
});

/** Prints the SPIFFE IDs of each message as one line of JSON. */
const watcher = `
  const { dialUnix } = await import(process.env.TRANSPORT);
  const { workloadApiService } = await import(process.env.SERVICES);
  const metadata = { "workload.spiffe.io": "true" };
  const channel = dialUnix({ path: process.env.SOCKET });
  for await (const { svids } of channel.serverStream(workloadApiService.FetchX509SVID, {}, { metadata })) {
    console.log(JSON.stringify(svids.map(({ spiffe_id }) => spiffe_id)));
  }
`;

function startWatcher(context: TestContext, program: string, socket: string): ChildProcess {
  const child = spawn(program, ["--input-type=module", "--eval", watcher], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      SOCKET: socket,
      TRANSPORT: new URL("../../../transport/index.ts", import.meta.url).href,
      SERVICES: new URL("../../../proto/services.ts", import.meta.url).href,
    },
  });
  context.after(() => child.kill("SIGKILL"));
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout !== null);
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error("the watcher ended without a message");
}

async function fetchFrom(context: TestContext, program: string, socket: string): Promise<unknown> {
  const child = startWatcher(context, program, socket);
  const line = await firstLine(child);
  child.kill("SIGKILL");
  return JSON.parse(line);
}
