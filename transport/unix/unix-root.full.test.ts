// needs: root
import assert from "node:assert/strict";
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { entryService } from "../../proto/services.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { type Peer, RpcRouter, type UnixPeer } from "../index.ts";
import { loadUnixNative } from "./native.ts";
import { ProcessHandles } from "./process-handle.ts";

const clientModule = new URL("../../test/fixtures/unix-client.ts", import.meta.url);
const modes = ["peer-pidfd", "pidfd-open", "start-time"] as const;

function whoAmI(seen: (peer: Peer) => void = () => {}): RpcRouter {
  return new RpcRouter().unary(entryService.GetEntry, async (_request, { peer }) => {
    seen(peer);
    return { id: peer.kind === "unix" ? `${peer.pid}:${peer.uid}:${peer.gid}:${peer.groups.join()}` : "" };
  });
}

describe("callers of different uids", () => {
  for (const mode of modes) {
    it(`are never taken for one another: 6 processes, 5 connections each (${mode})`, async () => {
      await using service = await UnixService.start({ router: whoAmI(), processHandleMode: mode });
      chmodSync(dirname(service.path), 0o755);
      const children = Array.from({ length: 6 }, (_, index) =>
        fork(clientModule, [service.path, "12"], { uid: 20_000 + index, gid: 30_000 + index }),
      );
      const results = await Promise.all(children.map((child) => once(child, "message")));
      for (const [result] of results) assert.deepEqual(result, { wrong: 0 });
    });
  }

  it("that change their uid after connecting are refused on the next connection", async () => {
    await using service = await UnixService.start({ router: whoAmI() });
    chmodSync(dirname(service.path), 0o777);
    const changed = join(dirname(service.path), "changed");
    const script = `
      const socket = require("node:net").connect(${JSON.stringify(service.path)});
      socket.on("error", () => {}).on("close", () => process.exit(7)).resume();
      socket.once("connect", () => {
        process.seteuid(12345);
        require("node:fs").writeFileSync(${JSON.stringify(changed)}, "");
      });
      setTimeout(() => process.exit(8), 10_000);
    `;
    const child = spawn(process.execPath, ["-e", script]);
    // Our event loop stands still until the uid is another one: only then is the connection accepted.
    while (!existsSync(changed)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    const [code] = await once(child, "exit");
    assert.equal(code, 7);
  });
});

describe("a pid that is used again", () => {
  for (const mode of modes) {
    it(`is another process (${mode})`, async () => {
      const peers: UnixPeer[] = [];
      const router = whoAmI((peer) => peer.kind === "unix" && peers.push(peer));
      await using service = await UnixService.start({ router, processHandleMode: mode });
      const first = fork(clientModule, [service.path, "hold"]);
      await once(first, "message");
      const pid = first.pid ?? 0;
      first.kill("SIGKILL");
      await once(first, "exit");
      const second = await spawnWithPid(pid);
      assert.equal(peers[0]?.pid, pid);
      assert.equal(peers[0]?.process.isAlive(), false);
      assert.ok(readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("sleep"), "the pid is in use");
      const handles = new ProcessHandles(loadUnixNative(), mode === "peer-pidfd" ? "pidfd-open" : mode);
      assert.equal(handles.open({ socketFd: -1, pid, uid: 0 })?.isAlive(), true);
      second.kill("SIGKILL");
      await once(second, "exit");
    });
  }
});

describe("a caller in another pid namespace", () => {
  it("is refused: the kernel says pid 0, uid 0 of it", async () => {
    const seen: Peer[] = [];
    await using service = await UnixService.start({ router: whoAmI((peer) => seen.push(peer)) });
    // The server's side of this is in a child namespace: it cannot see the pids of the parent's processes.
    const server = spawn(
      "unshare",
      [
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        process.execPath,
        "--input-type=module",
        "-e",
        namespacedServer(service.path),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    await once(server.stdout, "data");
    const { dialUnix } = await import("../index.ts");
    const channel = dialUnix({ path: `${service.path}2` });
    await assert.rejects(channel.unary(entryService.GetEntry, {}), { status: "unavailable" });
    channel.close();
    server.kill("SIGKILL");
    assert.equal(seen.length, 0);
  });
});

function namespacedServer(path: string): string {
  const index = JSON.stringify(new URL("../index.ts", import.meta.url));
  const services = JSON.stringify(new URL("../../proto/services.ts", import.meta.url));
  return `
    const { listenUnix, RpcRouter } = await import(${index});
    const { entryService } = await import(${services});
    const router = new RpcRouter().unary(entryService.GetEntry, async () => ({ id: "let in" }));
    await listenUnix({ path: ${JSON.stringify(`${path}2`)}, mode: 0o777, directoryMode: 0o755, router });
    console.log("ready");
  `;
}

/** Starts a process under a given free pid, by telling the kernel which pid it gave last. */
async function spawnWithPid(pid: number): Promise<ChildProcess> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    writeFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    const child = spawn("sleep", ["60"]);
    if (child.pid === pid) {
      await once(child, "spawn");
      return child;
    }
    child.kill("SIGKILL");
  }
  throw new Error(`pid ${pid} could not be had again`);
}
