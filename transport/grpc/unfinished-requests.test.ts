import assert from "node:assert/strict";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { agentService, entryService } from "../../proto/services.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { RpcRouter, transportLimits } from "../index.ts";
import { frameMessage } from "./frame.ts";

const messageBytes = 100_000;
const limits = {
  ...transportLimits.workloadSocket,
  maxReceivingBytes: 10 * messageBytes,
  maxReceivingBytesPerPeer: 4 * messageBytes,
};

const router = new RpcRouter()
  .unary(entryService.GetEntry, async () => ({ id: "e" }))
  .bidi(agentService.AttestAgent, async (requests, _context, sink) => {
    for await (const { challenge_response: answer } of requests) {
      await sink.send({ challenge: Buffer.from(String(answer?.length)) });
    }
  });

/** Opens calls that send `bytes` of their request and never end it; resolves with the statuses of those that ended. */
class Dawdler {
  readonly session: ClientHttp2Session;
  readonly statuses: number[] = [];

  constructor(path: string) {
    this.session = connectHttp2("http://localhost", { createConnection: () => connect(path) });
    this.session.on("error", () => {});
  }

  begin(bytes: Buffer): void {
    const stream = this.session.request({
      ":method": "POST",
      ":path": entryService.GetEntry.path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("response", (headers) => this.statuses.push(Number(headers["grpc-status"])));
    stream.on("error", () => {});
    stream.resume();
    stream.write(bytes);
  }
}

async function until(condition: () => boolean, longestMs = 20_000): Promise<void> {
  const late = AbortSignal.timeout(longestMs);
  while (!condition()) {
    late.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("requests that do not end", () => {
  const unknownField = Buffer.concat([Buffer.from([0x7a, 0x9c, 0x8d, 0x06]), Buffer.alloc(messageBytes - 4)]);
  const whole = frameMessage(unknownField);
  const kinds = [
    ["inside their message", whole.subarray(0, -1)],
    ["behind their message", whole],
  ] as const;
  for (const [where, bytes] of kinds) {
    it(`take no more memory than their caller may, when they stop ${where}`, async () => {
      await using service = await UnixService.start({ router, limits });
      const dawdler = new Dawdler(service.path);
      for (let call = 0; call < 10; call += 1) dawdler.begin(bytes);
      await until(() => dawdler.statuses.length >= 7);
      assert.deepEqual(new Set(dawdler.statuses), new Set([8]));
      // What was taken is given back with the calls.
      dawdler.session.destroy();
      await until(() => service.listener.calls() === 0);
      const honest = new Dawdler(service.path);
      for (let call = 0; call < 3; call += 1) honest.begin(bytes);
      assert.equal((await service.dial().unary(entryService.GetEntry, {})).id, "e");
      assert.deepEqual(honest.statuses, []);
      honest.session.destroy();
    });
  }

  it("are ended after a while", async () => {
    await using service = await UnixService.start({ router, limits: { ...limits, idleTimeoutMs: 100 } });
    const dawdler = new Dawdler(service.path);
    for (const bytes of [Buffer.alloc(1), whole.subarray(0, 50), whole]) dawdler.begin(bytes);
    await until(() => dawdler.statuses.length === 3);
    assert.deepEqual(dawdler.statuses, [4, 4, 4]);
    dawdler.session.destroy();
  });

  it("do not hold their call or connection when they go on being sent after the answer", async () => {
    await using service = await UnixService.start({ router, limits: { ...limits, maxReceiveMessageBytes: 10 } });
    const dawdler = new Dawdler(service.path);
    for (let call = 0; call < 3; call += 1) dawdler.begin(whole);
    await until(() => dawdler.statuses.length === 3);
    await until(() => service.listener.calls() === 0);
    dawdler.session.destroy();
    await until(() => service.listener.connections() === 0);
  });

  it("are not confused with a stream of many messages, which may be larger than the budget", async () => {
    await using service = await UnixService.start({ router, limits });
    const call = service.dial().bidi(agentService.AttestAgent);
    const answers = call.responses[Symbol.asyncIterator]();
    for (let round = 0; round < 20; round += 1) {
      call.send({ challenge_response: Buffer.alloc(messageBytes) });
      const { value } = await answers.next();
      assert.equal(String(value?.challenge), String(messageBytes));
    }
    call.cancel();
  });
});
