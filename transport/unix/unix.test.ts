import assert from "node:assert/strict";
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { entryService, healthService } from "../../proto/services.ts";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { dialUnix, listenUnix, type Peer, RpcRouter, transportLimits, type UnixPeer } from "../index.ts";
import { loadUnixNative } from "./native.ts";
import { ProcessHandles } from "./process-handle.ts";

const modes = ["peer-pidfd", "pidfd-open", "start-time"] as const;
const errno = { badFd: 9 };

/** Answers each call with who called; `Watch` stays open. */
function whoAmI(seen: (peer: Peer) => void = () => {}): RpcRouter {
  return new RpcRouter()
    .unary(entryService.GetEntry, async (_request, { peer }) => {
      seen(peer);
      return { id: peer.kind === "unix" ? `${peer.pid}:${peer.uid}:${peer.gid}:${peer.groups.join()}` : "" };
    })
    .serverStream(healthService.Watch, async (_request, context, sink) => {
      await sink.send({ status: 1 });
      await new Promise((_resolve, reject) =>
        context.signal.addEventListener("abort", () => reject(context.signal.reason)),
      );
    });
}

describe("the peer of a Unix socket", () => {
  for (const mode of modes) {
    it(`is known by pid, uid, gid and groups (${mode})`, async () => {
      await using service = await UnixService.start({ router: whoAmI(), processHandleMode: mode });
      const { id } = await service.dial().unary(entryService.GetEntry, {});
      // Not process.getgroups(): it adds the effective gid.
      const status = readFileSync("/proc/self/status", "utf8");
      const groups = (/^Groups:[\t ]*(.*)$/m.exec(status)?.[1] ?? "").split(" ").filter(Boolean).map(Number);
      const [pid, uid, gid, ...rest] = id.split(":");
      assert.deepEqual([pid, uid, gid], [process.pid, process.geteuid?.(), process.getegid?.()].map(String));
      const seenGroups = rest.join("").split(",").filter(Boolean).map(Number);
      assert.deepEqual(
        seenGroups.toSorted((a, b) => a - b),
        groups,
      );
      assert.equal(service.listener.processHandleMode, mode);
    });

    it(`is gone once its process is, even if another has its connection (${mode})`, async () => {
      const peers: UnixPeer[] = [];
      const router = whoAmI((peer) => peer.kind === "unix" && peers.push(peer));
      await using service = await UnixService.start({ router, processHandleMode: mode, sweepMs: 20 });
      // The shell connects through a child node that inherits nothing; its grandchild keeps the socket open.
      const child = forkClient(service.path, "hold");
      await once(child, "message");
      const [peer] = peers;
      assert.equal(peer?.pid, child.pid);
      assert.equal(peer?.process.isAlive(), true);
      child.kill("SIGKILL");
      await once(child, "exit");
      assert.equal(peer?.process.isAlive(), false);
      while (service.listener.connections() > 0) await new Promise((resolve) => setImmediate(resolve));
    });

    it(`is not confused with a later process of the same pid (${mode})`, async () => {
      const native = loadUnixNative();
      await using socketpair = await connectedPair();
      const child = spawn("sleep", ["60"]);
      await once(child, "spawn");
      const pid = child.pid ?? 0;
      const handles = new ProcessHandles(native, mode === "peer-pidfd" ? "pidfd-open" : mode);
      const handle = handles.open({ socketFd: socketpair.fd, pid, uid: process.geteuid?.() ?? 0 });
      assert.equal(handle?.isAlive(), true);
      child.kill("SIGKILL");
      await once(child, "exit");
      assert.equal(handle?.isAlive(), false, "the first process is gone");
      // A namespace of its own is the honest way to get the same pid again; see pid-reuse.full.test.ts.
      handle?.close();
    });
  }

  it("is refused for a wrong uid, where the pid was looked up", async () => {
    await using socketpair = await connectedPair();
    for (const mode of ["pidfd-open", "start-time"] as const) {
      const handles = new ProcessHandles(loadUnixNative(), mode);
      const request = { socketFd: socketpair.fd, pid: process.pid, uid: (process.geteuid?.() ?? 0) + 1 };
      assert.equal(handles.open(request), undefined, mode);
      assert.equal(handles.open({ ...request, pid: 2 ** 22 + 1 }), undefined, mode);
    }
  });

  it("shares one descriptor per process, and gives it back", async () => {
    await using socketpair = await connectedPair();
    const handles = new ProcessHandles(loadUnixNative(), "pidfd-open");
    const before = readdirSync("/proc/self/fd").length;
    const request = { socketFd: socketpair.fd, pid: process.pid, uid: process.geteuid?.() ?? 0 };
    const opened = Array.from({ length: 20 }, () => handles.open(request));
    const held = readdirSync("/proc/self/fd").length - before;
    assert.ok(held === 1 || (held === 20 && handles.openDescriptors === 0), `${held} descriptors`);
    for (const handle of opened) {
      assert.equal(handle?.isAlive(), true);
      handle?.close();
      handle?.close();
      assert.equal(handle?.isAlive(), false);
    }
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });

  it("is refused by the native calls when the descriptor is none", () => {
    const native = loadUnixNative();
    assert.equal(native.getSocketOption(-1, 17, Buffer.alloc(12)), -errno.badFd);
    assert.equal(native.isPidfdDone(9_999), -errno.badFd);
  });

  it("is not taken for gone when signals interrupt the question", async () => {
    const script = `
      const { loadUnixNative } = await import(${JSON.stringify(new URL("./native.ts", import.meta.url).href)});
      const native = loadUnixNative();
      const own = native.openPidfd(process.pid);
      let wrong = 0;
      for (let count = 0; count < 150_000; count += 1) if (native.isPidfdDone(own) !== false) wrong += 1;
      console.log(wrong);
    `;
    const folder = mkdtempSync(join(tmpdir(), "countersign-"));
    // The profiler sends SIGPROF ten thousand times a second.
    const profiled = ["--cpu-prof", "--cpu-prof-interval", "100", "--cpu-prof-dir", folder];
    const child = spawn(process.execPath, [...profiled, "--input-type=module", "-e", script]);
    const [output] = await once(child.stdout, "data");
    assert.equal(String(output).trim(), "0");
    await once(child, "exit");
    rmSync(folder, { recursive: true });
  });

  it("can be turned away by the owner of the listener", async () => {
    await using service = await UnixService.start({ router: whoAmI(), onPeer: (peer) => peer.pid !== process.pid });
    await assert.rejects(service.dial().unary(entryService.GetEntry, {}), { status: "unavailable" });
    assert.equal(service.listener.connections(), 0);
  });

  it("leaves nothing behind when it goes", async () => {
    await using service = await UnixService.start({ router: whoAmI() });
    await service.dial().unary(entryService.GetEntry, {});
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 30; round += 1) {
      const channel = dialUnix({ path: service.path });
      await channel.unary(entryService.GetEntry, {});
      channel.close();
    }
    while (service.listener.connections() > 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });
});

describe("the limits of a Unix listener", () => {
  const limits = { ...transportLimits.workloadSocket, maxConnectionsPerPeer: 3, maxConnections: 10 };

  it("hold connections per uid at the limit; root has a reserve beyond", async () => {
    await using service = await UnixService.start({ router: whoAmI(), limits, reserveForRoot: 1 });
    const channels = Array.from({ length: 3 }, () => service.dial());
    for (const channel of channels) await channel.unary(entryService.GetEntry, {});
    const fourth = service.dial().unary(entryService.GetEntry, {});
    if (process.geteuid?.() === 0) await fourth;
    else await assert.rejects(fourth, { status: "unavailable" });
    const open = service.listener.connections();
    channels[0]?.close();
    while (service.listener.connections() === open) await new Promise((resolve) => setImmediate(resolve));
    await service.dial().unary(entryService.GetEntry, {});
  });

  it("hold connections in all at the limit, for root too", async () => {
    const two = { ...limits, maxConnections: 2 };
    await using service = await UnixService.start({ router: whoAmI(), limits: two, reserveForRoot: 0 });
    for (let index = 0; index < 2; index += 1) await service.dial().unary(entryService.GetEntry, {});
    await assert.rejects(service.dial().unary(entryService.GetEntry, {}), { status: "unavailable" });
  });

  it("hold streams over all connections at the limit, and say so", async () => {
    await using service = await UnixService.start({
      router: whoAmI(),
      maxStreams: 4,
      streamsPerUid: 4,
      reserveForRoot: 0,
    });
    const channels = [service.dial(), service.dial()];
    const open: AsyncIterator<unknown>[] = [];
    for (let index = 0; index < 4; index += 1) {
      const stream = channels[index % 2]?.serverStream(healthService.Watch, {})[Symbol.asyncIterator]();
      await stream?.next();
      if (stream !== undefined) open.push(stream);
    }
    const fifth = service.dial().serverStream(healthService.Watch, {})[Symbol.asyncIterator]();
    await assert.rejects(fifth.next(), { code: "ERR_TOO_MANY_STREAMS", status: "resourceExhausted" });
    await open[0]?.return?.();
    while (service.listener.calls() > 3) await new Promise((resolve) => setImmediate(resolve));
    await service.dial().unary(entryService.GetEntry, {});
  });

  /** Time that only the test moves: a slow machine must not take a call's connection for a silent one. */
  async function startIdling(): Promise<{ readonly service: UnixService; readonly clock: FakeClock }> {
    const clock = new FakeClock();
    const short = { ...limits, handshakeTimeoutMs: 60, idleTimeoutMs: 150 };
    return { service: await UnixService.start({ router: whoAmI(), limits: short, clock }), clock };
  }

  async function reached(service: UnixService, connections: number): Promise<void> {
    while (service.listener.connections() !== connections) await new Promise((resolve) => setImmediate(resolve));
  }

  it("close a connection that never says hello, in its time", async () => {
    const { service, clock } = await startIdling();
    await using _service = service;
    const silent = connect(service.path);
    silent.on("error", () => {});
    const closed = once(silent.resume(), "close");
    await reached(service, 1);
    await clock.advance(59);
    assert.equal(service.listener.connections(), 1);
    await clock.advance(20);
    await closed;
  });

  it("close a connection that has no calls, and serve who comes again", async () => {
    const { service, clock } = await startIdling();
    await using _service = service;
    const channel = service.dial();
    await channel.unary(entryService.GetEntry, {});
    await clock.advance(149);
    assert.equal(service.listener.connections(), 1);
    await clock.advance(20);
    await reached(service, 0);
    await channel.unary(entryService.GetEntry, {});
  });

  it("keep a connection with an open stream beyond the idle time", async () => {
    const { service, clock } = await startIdling();
    await using _service = service;
    const stream = service.dial().serverStream(healthService.Watch, {})[Symbol.asyncIterator]();
    await stream.next();
    await service.dial().unary(entryService.GetEntry, {});
    await clock.advance(200);
    await reached(service, 1);
    assert.equal(service.listener.calls(), 1);
    await stream.return?.();
  });
});

describe("garbage", () => {
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const samples: readonly (readonly [string, Buffer])[] = [
    ["a line of text", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["zeros", Buffer.alloc(5_000)],
    ["a preface and noise", Buffer.concat([preface, Buffer.alloc(3_000, 0x5a)])],
    ["a frame of an impossible length", Buffer.concat([preface, Buffer.from("ffffff0400000000", "hex")])],
    [
      "headers that do not decompress",
      Buffer.concat([
        preface,
        Buffer.from("000000040000000000", "hex"),
        Buffer.from("0000050105000000018080808080", "hex"),
      ]),
    ],
    [
      "a reset of nothing",
      Buffer.concat([
        preface,
        Buffer.from("000000040000000000", "hex"),
        Buffer.from("00000403000000000900000008", "hex"),
      ]),
    ],
  ];
  for (const [what, bytes] of samples) {
    it(`does not stop the service: ${what}`, async () => {
      await using service = await UnixService.start({ router: whoAmI() });
      const socket: Socket = connect(service.path);
      socket.on("error", () => {});
      socket.resume();
      socket.end(bytes);
      await once(socket, "close");
      await service.dial().unary(entryService.GetEntry, {});
    });
  }
});

describe("listenUnix()", () => {
  const options = { router: whoAmI(), mode: 0o770, directoryMode: 0o750 };

  it("makes the directory and the socket with the given modes, whatever the umask", async () => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-"));
    const path = join(folder, "run", "s.sock");
    const before = process.umask(0o077);
    try {
      await using _listener = await listenUnix({ ...options, path, mode: 0o777 });
      assert.equal(statSync(path).mode & 0o777, 0o777);
      assert.equal(process.umask(), 0o077);
    } finally {
      process.umask(before);
    }
    rmSync(folder, { recursive: true });
  });

  it("removes the socket when it closes, and closes twice without harm", async () => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-"));
    const path = join(folder, "s.sock");
    const listener = await listenUnix({ ...options, path });
    await Promise.all([listener.close({ graceMs: 0 }), listener.close({ graceMs: 0 })]);
    assert.deepEqual(readdirSync(folder), []);
    rmSync(folder, { recursive: true });
  });

  it("replaces a socket nobody listens on, refuses one that is in use and what is no socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-"));
    const path = join(folder, "s.sock");
    await leaveStaleSocket(path);
    const listener = await listenUnix({ ...options, path });
    await assert.rejects(listenUnix({ ...options, path }), { code: "ERR_SOCKET_IN_USE" });
    await listener.close({ graceMs: 0 });
    writeFileSync(path, "precious");
    await assert.rejects(listenUnix({ ...options, path }), { code: "ERR_SOCKET_IN_USE" });
    const link = join(folder, "link.sock");
    symlinkSync(path, link);
    await assert.rejects(listenUnix({ ...options, path: link }), { code: "ERR_SOCKET_IN_USE" });
    rmSync(folder, { recursive: true });
  });

  it("takes a path of 107 bytes and refuses one more, on both sides", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cs-"));
    const path = join(folder, "s".repeat(107 - Buffer.byteLength(folder) - 1));
    assert.equal(Buffer.byteLength(path), 107);
    const listener = await listenUnix({ ...options, path });
    const channel = dialUnix({ path });
    await channel.unary(entryService.GetEntry, {});
    channel.close();
    await listener.close({ graceMs: 0 });
    await assert.rejects(listenUnix({ ...options, path: `${path}x` }), { code: "ERR_SOCKET_PATH_TOO_LONG" });
    assert.throws(() => dialUnix({ path: `${path}x` }), { code: "ERR_SOCKET_PATH_TOO_LONG" });
    rmSync(folder, { recursive: true });
  });

  it("says what is wrong when it cannot listen", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "countersign-")), "file");
    writeFileSync(file, "");
    await assert.rejects(listenUnix({ ...options, path: join(file, "x", "s.sock") }), { code: "ERR_LISTEN_FAILED" });
    rmSync(file);
  });
});

/** Leaves a socket file behind as a killed process does. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", script]);
  await once(child, "exit");
  assert.ok(statSync(path).isSocket());
}

function forkClient(path: string, what: string): ChildProcess {
  return fork(new URL("../../test/fixtures/unix-client.ts", import.meta.url), [path, what]);
}

/** One end of a connected Unix socket, as a descriptor. */
async function connectedPair(): Promise<AsyncDisposable & { readonly fd: number }> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-"));
  const server = createServer().listen(join(folder, "s.sock"));
  await once(server, "listening");
  const client = connect(join(folder, "s.sock"));
  const [accepted] = await once(server, "connection");
  const handle: unknown = Reflect.get(accepted, "_handle");
  assert.ok(typeof handle === "object" && handle !== null && "fd" in handle && typeof handle.fd === "number");
  return {
    fd: handle.fd,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      accepted.destroy();
      server.close();
      await once(server, "close");
      rmSync(folder, { recursive: true });
    },
  };
}
