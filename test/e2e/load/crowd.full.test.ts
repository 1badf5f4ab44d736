// needs: time; budget: 120
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { entryService, workloadApiService } from "../../../proto/services.ts";
import { dialUnix } from "../../../transport/index.ts";
import { type AgentHandle, System } from "../../env/system.ts";
import { Watch } from "../../env/watch.ts";

const crowd = 1_000;
const header = { "workload.spiffe.io": "true" };

/** Ten entries for this user's processes: a message of some 10 KB. Returns a way to change all of them at once. */
async function tenEntries(system: System, agent: AgentHandle): Promise<(hint: string) => Promise<void>> {
  const { trustDomain } = system;
  const channel = dialUnix({ path: system.serverSocket });
  const drafts = Array.from({ length: 10 }, (_, index) => ({
    spiffe_id: { trust_domain: trustDomain, path: `/crowd/${index}` },
    parent_id: { trust_domain: trustDomain, path: new URL(agent.alias).pathname },
    selectors: [{ type: "unix", value: `uid:${process.getuid?.()}` }],
  }));
  const { results } = await channel.unary(entryService.BatchCreateEntry, { entries: drafts });
  const ids = results.map(({ entry }) => entry?.id ?? "");
  channel.close();
  return async (hint) => {
    const own = dialUnix({ path: system.serverSocket });
    const entries = ids.map((id, index) => ({ id, hint: `${hint}-${index}` }));
    const answer = await own.unary(entryService.BatchUpdateEntry, { entries, input_mask: { hint: true } });
    own.close();
    for (const { status } of answer.results) assert.equal(status?.code, 0, status?.message);
  };
}

function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK: a literal without indexing and with a new name. */
function field(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

/** Asks for updates and then reads nothing at all, not even from its socket. */
async function stalledReader(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.pause();
  await once(socket, "connect");
  const headers = Buffer.concat([
    field(":method", "POST"),
    field(":scheme", "http"),
    field(":authority", "localhost"),
    field(":path", workloadApiService.FetchX509SVID.path),
    field("content-type", "application/grpc"),
    field("te", "trailers"),
    field("workload.spiffe.io", "true"),
  ]);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frame(4, 0, 0, Buffer.alloc(0)));
  socket.write(frame(1, 4, 1, headers));
  socket.write(frame(0, 1, 1, Buffer.alloc(5)));
  return socket;
}

/** What a reader that begins to read finds: how many bytes were waiting for it. */
async function waitingBytes(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  socket.resume();
  await once(socket, "data");
  await new Promise((resolve) => setTimeout(resolve, 100));
  return bytes;
}

describe("a crowd of workloads", () => {
  it("is served when all connect at the same moment", async () => {
    await using system = await System.start();
    const agent = await system.startAgent();
    await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
    const served = await Promise.all(
      Array.from({ length: crowd }, async () => {
        const channel = dialUnix({ path: agent.socket });
        try {
          const stream = channel.serverStream(workloadApiService.FetchX509SVID, {}, { metadata: header });
          for await (const { svids } of stream) return svids[0]?.spiffe_id;
          return "nothing";
        } finally {
          channel.close();
        }
      }),
    );
    assert.deepEqual([...new Set(served)], [`spiffe://${system.trustDomain}/web`]);
    assert.equal(served.length, crowd);
  });

  it("that reads nothing costs no memory by the update, and keeps nobody else from being served", async (test) => {
    await using system = await System.start();
    const agent = await system.startAgent();
    const update = await tenEntries(system, agent);
    await using watch = new Watch(agent.socket);
    await watch.until(({ svids }) => svids.length === 10);
    const sockets: Socket[] = [];
    test.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (let index = 0; index < crowd; index += 50) {
      sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => stalledReader(agent.socket)))));
    }
    const round = async (hint: string): Promise<void> => {
      await update(hint);
      await watch.until(({ svids }) => svids.some((svid) => svid.hint === `${hint}-0`), 30_000);
    };
    // First each reader's window fills (64 KiB, six updates), and the heap finds its size.
    for (let count = 0; count < 48; count += 1) await round(`warm-${count}`);
    const before = residentBytes(agent.running.pid);
    for (let count = 0; count < 48; count += 1) await round(`more-${count}`);
    const grown = residentBytes(agent.running.pid) - before;
    const waiting = await Promise.all(sockets.map(waitingBytes));
    const [least = 0, most = 0] = [Math.min(...waiting), Math.max(...waiting)].map((bytes) =>
      Math.round(bytes / 1_000),
    );
    test.diagnostic(
      `${Math.round(before / 1e6)} MB, ${Math.round(grown / 1e6)} MB more; ${least} to ${most} KB waited`,
    );
    assert.ok(least > 10, "a stalled reader was never served");
    // Queues would hold 48 × 10 KB × 1,000 = 480 MB.
    assert.ok(grown < 60_000_000, `grew by ${Math.round(grown / 1e6)} MB`);
    assert.ok(sockets.every((socket) => !socket.destroyed));
  });
});
