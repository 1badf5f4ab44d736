// needs: root
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { UnixAttestor, WorkloadAttestation } from "../../../agent/attestation/workload/index.ts";
import { defaultWorkloadApiConfig, registerWorkloadApi } from "../../../agent/workload-api/index.ts";
import { noMetrics, silentLogger, systemClock } from "../../../runtime/core/index.ts";
import { listenUnix, RpcRouter } from "../../../transport/index.ts";
import { FakeIdentities } from "../../fakes/fake-identities.ts";
import { TestAuthority } from "../../fakes/test-authority.ts";
import { ownDomain } from "../../fakes/workload-api-world.ts";

/** Asks over HTTP/2 with nothing but Node, so that it can run as any uid outside of this tree. Prints the outcome. */
const program = `
  import { connect } from "node:http2";
  import { connect as connectSocket } from "node:net";
  const socket = connectSocket(process.argv[1]);
  await new Promise((resolve) => socket.once("connect", resolve));
  if (process.argv[2] === "drop") { process.setgroups([]); process.setgid(1234); process.setuid(1234); }
  const session = connect("http://localhost", { createConnection: () => socket });
  session.on("error", (error) => { console.log("connection " + error.code); process.exit(0); });
  session.on("close", () => { console.log("closed"); process.exit(0); });
  const stream = session.request({ ":method": "POST", ":path": "/SpiffeWorkloadAPI/FetchX509SVID",
    "content-type": "application/grpc", te: "trailers", "workload.spiffe.io": "true" });
  const done = (text) => { console.log(text); process.exit(0); };
  stream.on("response", (headers) => { if (headers["grpc-status"]) done("status " + headers["grpc-status"]); });
  stream.on("trailers", (headers) => done("status " + headers["grpc-status"]));
  // The certificates name the same IDs again.
  const idsIn = (data) => [...new Set(data.toString("latin1").match(/spiffe:\\/\\/a\\.test\\/[a-z-]+/g))].join();
  stream.on("data", (data) => done(idsIn(data)));
  stream.on("error", (error) => done("stream " + error.code));
  stream.end(Buffer.alloc(5));
`;

async function startAgent(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "cs-uids-"));
  chmodSync(folder, 0o755);
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
  // The tree may not be readable for other users.
  const node = join(folder, "node");
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
  return { path, identities, node };
}

async function ask(node: string, path: string, uid: number, gid: number, ...rest: readonly string[]): Promise<string> {
  const child: ChildProcess = spawn(node, ["--input-type=module", "--eval", program, path, ...rest], {
    uid,
    gid,
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of child.stdout ?? []) output += String(chunk);
  return output.split("\n")[0] ?? "";
}

test("WAPI-06: processes of different uids and gids get their own identities and nobody else's", async (context) => {
  const { path, identities, node } = await startAgent(context);
  identities.put(
    { entryId: "1", path: "/one", selectors: ["unix:uid:5001"] },
    { entryId: "2", path: "/two", selectors: ["unix:uid:5002", "unix:gid:6002"] },
    { entryId: "3", path: "/root", selectors: ["unix:uid:0"] },
    { entryId: "4", path: "/by-path", selectors: ["unix:uid:5001", `unix:path:${node}`] },
  );
  const answers = await Promise.all([
    ask(node, path, 5001, 6001),
    ask(node, path, 5002, 6002),
    ask(node, path, 5002, 6001),
    ask(node, path, 0, 0),
  ]);
  assert.deepEqual(answers, [
    "spiffe://a.test/one,spiffe://a.test/by-path",
    "spiffe://a.test/two",
    "status 7",
    "spiffe://a.test/root",
  ]);
});

test("a user who mounts their own program over another path, in namespaces of their own, does not get its identity", async (context) => {
  const { path, identities, node } = await startAgent(context);
  const trusted = "/usr/bin/env";
  identities.put(
    { entryId: "1", path: "/trusted", selectors: [`unix:path:${trusted}`] },
    { entryId: "2", path: "/by-path", selectors: ["unix:uid:5001", `unix:path:${node}`] },
    { entryId: "3", path: "/one", selectors: ["unix:uid:5001"] },
  );
  const inNamespaces = (script: string) => ["--user", "--map-root-user", "--mount", "sh", "-c", script];
  const run = (exe: string) => `exec ${exe} --input-type=module --eval "$0" ${path}`;
  const askFrom = async (args: readonly string[]): Promise<string> => {
    const child = spawn("unshare", [...args, program], {
      uid: 5001,
      gid: 6001,
      cwd: "/",
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    for await (const chunk of child.stdout) output += String(chunk);
    return output.split("\n")[0] ?? "";
  };
  assert.equal(
    await askFrom(inNamespaces(`mount --bind ${node} ${trusted} && ${run(trusted)}`)),
    "spiffe://a.test/one",
  );
  assert.equal(await askFrom(["--fork", "sh", "-c", run(node)]), "spiffe://a.test/by-path,spiffe://a.test/one");
});

test("a process that connects as root and then becomes another user is served as neither", async (context) => {
  const { path, identities, node } = await startAgent(context);
  identities.put(
    { entryId: "1", path: "/root", selectors: ["unix:uid:0"] },
    { entryId: "2", path: "/dropped", selectors: ["unix:uid:1234"] },
  );
  const answer = await ask(node, path, 0, 0, "drop");
  assert.doesNotMatch(answer, /spiffe:/);
  assert.match(answer, /^(status 7|closed|connection|stream)/);
  assert.equal(await ask(node, path, 0, 0), "spiffe://a.test/root");
});
