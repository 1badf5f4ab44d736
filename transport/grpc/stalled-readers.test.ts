import assert from "node:assert/strict";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { agentService, entryService, healthService } from "../../proto/services.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { commonErrors, dialUnix, RpcRouter, transportLimits } from "../index.ts";
import { frameMessage } from "./frame.ts";

const chunk = Buffer.alloc(64 * 1024, 0x61);

/** Sends for ever to each reader, and counts what the transport has taken. */
function endless(sent: { messages: number }): RpcRouter {
  return new RpcRouter()
    .serverStream(healthService.Watch, async (_request, _context, sink) => {
      for (;;) {
        await sink.send(chunk);
        sent.messages += 1;
      }
    })
    .unary(entryService.GetEntry, async () => ({ id: "e" }))
    .bidi(agentService.AttestAgent, async (_requests, context) => {
      await new Promise((_resolve, reject) =>
        context.signal.addEventListener("abort", () => reject(context.signal.reason)),
      );
    });
}

/** Calls `method` and never reads the answers. `onStatus` hears of each call's first headers. */
function stall(
  path: string,
  streams: number,
  method = healthService.Watch.path,
  onStatus: (status: unknown) => void = () => {},
): ClientHttp2Session {
  const session = connectHttp2("http://localhost", {
    createConnection: () => connect(path),
    settings: { initialWindowSize: 1024 },
  });
  session.on("error", () => {});
  for (let index = 0; index < streams; index += 1) {
    const stream = session.request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    stream.on("response", (headers) => onStatus(headers["grpc-status"]));
    stream.pause();
    stream.end(frameMessage(Buffer.alloc(0)));
  }
  return session;
}

describe("readers that do not read", () => {
  it("hold memory flat, a thousand of them, while others are served", async () => {
    const sent = { messages: 0 };
    await using service = await UnixService.start({ router: endless(sent) });
    const sessions = Array.from({ length: 20 }, () => stall(service.path, 50));
    while (service.listener.calls() < 1_000) await turn();
    const settled = await stillness(() => sent.messages);
    // At most the flow-control window and one message wait per reader: far below what an unbounded queue would take.
    assert.ok(settled <= 2_000, `${settled} messages were taken`);
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 50; round += 1) await service.dial().unary(entryService.GetEntry, {});
    assert.equal(sent.messages, settled);
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
    for (const session of sessions) session.destroy();
    while (service.listener.calls() > 0) await turn();
  });

  it("are cut off when their call is ended: they cannot hold it open", async () => {
    const sent = { messages: 0 };
    await using service = await UnixService.start({ router: endless(sent) });
    const session = stall(service.path, 3);
    while (service.listener.calls() < 3) await turn();
    await stillness(() => sent.messages);
    service.listener.endStreams(() => true, commonErrors.error("ERR_SHUTTING_DOWN", "over"));
    while (service.listener.calls() > 0) await turn();
    session.destroy();
  });

  it("do not make a client queue for ever: it gives the call up", async () => {
    await using service = await UnixService.start({
      router: endless({ messages: 0 }),
      limits: { ...transportLimits.adminSocket },
    });
    const channel = dialUnix({ path: service.path });
    const call = channel.bidi(agentService.AttestAgent);
    const megabyte = { challenge_response: Buffer.alloc(1024 * 1024) };
    assert.throws(
      () => {
        for (let count = 0; count < 20; count += 1) call.send(megabyte);
      },
      { code: "ERR_SEND_QUEUE_FULL" },
    );
    await assert.rejects(
      async () => {
        for await (const _answer of call.responses);
      },
      { code: "ERR_SEND_QUEUE_FULL" },
    );
    channel.close();
  });

  it("get no more answers than they may leave unread, over all their connections, until they read or go", async () => {
    const answerBytes = 100_000;
    const router = new RpcRouter()
      .unary(entryService.GetEntry, async () => ({ id: "e".repeat(answerBytes) }))
      .serverStream(healthService.Watch, async (_request, _context, sink) => sink.send(Buffer.alloc(answerBytes)));
    const limits = { ...transportLimits.workloadSocket, maxUnreadBytesPerPeer: 4.5 * answerBytes };
    for (const path of [entryService.GetEntry.path, healthService.Watch.path]) {
      await using service = await UnixService.start({ router, limits });
      const statuses: unknown[] = [];
      const sessions = [0, 1].map(() => stall(service.path, 5, path, (status) => statuses.push(status)));
      while (statuses.length < 10) await turn();
      // No status yet: the answer is on its way.
      assert.deepEqual(statuses.map(String).sort(), [
        ...Array.from({ length: 6 }, () => "8"),
        ...Array(4).fill("undefined"),
      ]);
      const honest = service.dial();
      await assert.rejects(honest.unary(entryService.GetEntry, {}), { code: "ERR_TOO_MANY_BYTES" });
      for (const session of sessions) session.destroy();
      while (service.listener.calls() > 0) await turn();
      for (let round = 0; round < 20; round += 1) {
        assert.equal((await honest.unary(entryService.GetEntry, {})).id.length, answerBytes);
      }
    }
  });

  it("pay for it themselves when they are clients of ours: a slow reader holds the server back, not memory", async () => {
    const sent = { messages: 0 };
    await using service = await UnixService.start({ router: endless(sent) });
    const answers = service
      .dial()
      .serverStream({ ...healthService.Watch, responseDeserialize: (bytes: Buffer) => bytes.length }, {})
      [Symbol.asyncIterator]();
    assert.equal((await answers.next()).value, chunk.length);
    const settled = await stillness(() => sent.messages);
    assert.ok(settled < 100, `${settled} messages were taken`);
    for (let count = 0; count < 50; count += 1) await answers.next();
    while (sent.messages === settled) await turn();
    await answers.return?.();
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The value once it has not changed for many turns of the event loop. */
async function stillness(read: () => number): Promise<number> {
  let last = read();
  for (let quiet = 0; quiet < 300; quiet += 1) {
    await turn();
    if (read() !== last) quiet = 0;
    last = read();
  }
  return last;
}
