import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { agentService, bundleService, entryService, healthService } from "../../proto/services.ts";
import type { Logger } from "../../runtime/core/index.ts";
import { rawCall } from "../../test/fakes/raw-grpc.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { commonErrors, type RpcContext, RpcRouter, ServiceError, transportLimits } from "../index.ts";
import { frameMessage } from "./frame.ts";

const limits = { ...transportLimits.workloadSocket, maxReceiveMessageBytes: 1_000, maxSendMessageBytes: 2_000 };

/** A call that waits until it is ended, and tells why. */
function waiting(): {
  readonly router: RpcRouter;
  readonly ended: Promise<unknown>;
  readonly begun: Promise<RpcContext>;
} {
  const ended = Promise.withResolvers<unknown>();
  const begun = Promise.withResolvers<RpcContext>();
  const router = new RpcRouter().serverStream(healthService.Watch, async (_request, context, sink) => {
    await sink.send({ status: 1 });
    begun.resolve(context);
    await new Promise((_resolve, reject) => {
      context.signal.addEventListener("abort", () => {
        ended.resolve(context.signal.reason);
        reject(context.signal.reason);
      });
    });
  });
  return { router, ended: ended.promise, begun: begun.promise };
}

describe("a call ends", () => {
  it("with DeadlineExceeded when its deadline passes, on both sides", async () => {
    const { router, ended } = waiting();
    await using service = await UnixService.start({ router });
    await assert.rejects(drain(service.dial().serverStream(healthService.Watch, {}, { timeoutMs: 300 })), {
      code: "ERR_DEADLINE_EXCEEDED",
    });
    const reason = await ended;
    assert.ok(reason instanceof ServiceError && ["cancelled", "deadlineExceeded"].includes(reason.status));
  });

  it("with DeadlineExceeded of the server's own clock, when only the server watches it", async () => {
    const { router } = waiting();
    await using service = await UnixService.start({ router });
    const answers = service.dial().serverStream(healthService.Watch, {}, { metadata: { "grpc-timeout": "40m" } });
    await assert.rejects(drain(answers), { code: "ERR_DEADLINE_EXCEEDED", status: "deadlineExceeded" });
  });

  it("when the caller cancels: the handler's signal aborts", async () => {
    const { router, ended } = waiting();
    await using service = await UnixService.start({ router });
    for await (const _answer of service.dial().serverStream(healthService.Watch, {})) break;
    const reason = await ended;
    assert.ok(reason instanceof ServiceError && reason.code === "ERR_CALL_CANCELLED");
  });

  it("with the signal's reason when the caller's signal aborts", async () => {
    const { router, ended } = waiting();
    await using service = await UnixService.start({ router });
    const abort = new AbortController();
    const reading = drain(service.dial().serverStream(healthService.Watch, {}, { signal: abort.signal }), () =>
      abort.abort(new Error("enough")),
    );
    await assert.rejects(reading, { message: "enough" });
    await ended;
    await assert.rejects(service.dial().unary(entryService.GetEntry, {}, { signal: abort.signal }), {
      message: "enough",
    });
  });

  it("with the given error when the server ends it", async () => {
    const { router, begun } = waiting();
    await using service = await UnixService.start({ router });
    const reading = drain(service.dial().serverStream(healthService.Watch, {}));
    await begun;
    const banned = commonErrors.error("ERR_UNIMPLEMENTED", "over");
    service.listener.endStreams((peer, method) => peer.kind === "unix" && method.endsWith("/Check"), banned);
    assert.equal(service.listener.calls(), 1);
    service.listener.endStreams((peer, method) => peer.kind === "unix" && method.endsWith("/Watch"), banned);
    await assert.rejects(reading, { code: "ERR_UNIMPLEMENTED", message: "over" });
  });

  it("with Unavailable after the grace when the service stops; short calls finish", async () => {
    const { router, begun } = waiting();
    const finish = Promise.withResolvers<void>();
    router.unary(entryService.GetEntry, async () => {
      await finish.promise;
      return { id: "done" };
    });
    await using service = await UnixService.start({ router });
    const channel = service.dial();
    const reading = drain(channel.serverStream(healthService.Watch, {}));
    const short = channel.unary(entryService.GetEntry, {});
    await begun;
    const closing = service.listener.close({ graceMs: 80 });
    finish.resolve();
    assert.equal((await short).id, "done");
    await assert.rejects(reading, { code: "ERR_SHUTTING_DOWN", status: "unavailable" });
    await closing;
    await assert.rejects(channel.unary(entryService.GetEntry, {}), { code: "ERR_CONNECT_FAILED" });
  });

  it("with ConnectionLost when the connection breaks", async () => {
    const { router, begun } = waiting();
    await using service = await UnixService.start({ router });
    const channel = service.dial();
    const reading = drain(channel.serverStream(healthService.Watch, {}));
    await begun;
    channel.close();
    await assert.rejects(reading, { code: "ERR_CONNECTION_LOST" });
  });
});

describe("a bad request", () => {
  const router = new RpcRouter()
    .unary(entryService.GetEntry, async (request) => ({ id: "x".repeat(request.id.length * 3) }))
    .unary(bundleService.GetBundle, async () => Promise.reject(commonErrors.error("ERR_UNIMPLEMENTED", "half \ud800")))
    .bidi(agentService.AttestAgent, async (requests) => {
      for await (const _request of requests);
    });

  it("of undecodable bytes is InvalidArgument", async () => {
    await using service = await UnixService.start({ router });
    const broken = { ...entryService.GetEntry, requestSerialize: () => Buffer.from("0aff", "hex") };
    await assert.rejects(service.dial().unary(broken, {}), {
      code: "ERR_MALFORMED_REQUEST",
      status: "invalidArgument",
    });
    const call = service.dial().bidi({ ...agentService.AttestAgent, requestSerialize: () => Buffer.from("ff", "hex") });
    call.send({});
    await assert.rejects(drain(call.responses), { code: "ERR_MALFORMED_REQUEST" });
  });

  it("at the size limit is taken, one byte more is ResourceExhausted; answers likewise", async () => {
    await using service = await UnixService.start({ router, limits });
    const channel = service.dial();
    const raw = (bytes: number) => ({ ...entryService.GetEntry, requestSerialize: () => filler(bytes) });
    await channel.unary(raw(limits.maxReceiveMessageBytes), {});
    await assert.rejects(channel.unary(raw(limits.maxReceiveMessageBytes + 1), {}), {
      code: "ERR_MESSAGE_TOO_LARGE",
      status: "resourceExhausted",
    });
    await assert.rejects(channel.unary(entryService.GetEntry, { id: "y".repeat(700) }), {
      code: "ERR_MESSAGE_TOO_LARGE",
      status: "resourceExhausted",
      message: /larger than 2000: ask for it in pages \(page_size\)$/,
    });
    assert.equal((await channel.unary(entryService.GetEntry, { id: "y".repeat(600) })).id.length, 1_800);
  });

  it("whose answer is larger than the client takes fails at the client", async () => {
    await using service = await UnixService.start({ router });
    const { dialUnix } = await import("../index.ts");
    const channel = dialUnix({ path: service.path, maxReceiveMessageBytes: 100 });
    await assert.rejects(channel.unary(entryService.GetEntry, { id: "y".repeat(60) }), {
      code: "ERR_MESSAGE_TOO_LARGE",
    });
    channel.close();
  });

  it("survives an error text that is no Unicode", async () => {
    await using service = await UnixService.start({ router });
    await assert.rejects(service.dial().unary(bundleService.GetBundle, {}), { message: "half \ufffd" });
  });

  it("of other kinds is refused: no message, two, half a one, a bad timeout, too much metadata, not gRPC", async () => {
    await using service = await UnixService.start({ router, limits: { ...limits, maxMetadataBytes: 2_000 } });
    const session = connectHttp2("http://localhost", { createConnection: () => connect(service.path) });
    const call = async (body: Buffer, headers: Record<string, string> = {}): Promise<string> => {
      const stream = session.request({
        ":method": "POST",
        ":path": entryService.GetEntry.path,
        "content-type": "application/grpc",
        te: "trailers",
        ...headers,
      });
      stream.on("error", () => {});
      let status = "";
      const take = (found: Readonly<Record<string, unknown>>): void => {
        status ||= String(found["grpc-status"] ?? (found[":status"] === 200 ? "" : `http ${found[":status"]}`));
      };
      stream.on("response", take).on("trailers", take).resume();
      stream.end(body);
      await new Promise<void>((resolve) => stream.once("close", resolve));
      return status || `reset ${stream.rstCode}`;
    };
    const message = frameMessage(Buffer.alloc(0));
    assert.equal(await call(message), "0");
    assert.equal(await call(Buffer.alloc(0)), "3");
    assert.equal(await call(Buffer.concat([message, message])), "3");
    assert.equal(await call(Buffer.from([0, 0, 0, 0, 9, 1])), "3");
    assert.equal(await call(Buffer.from([1, 0, 0, 0, 0])), "12");
    assert.equal(await call(message, { "grpc-timeout": "soon" }), "3");
    assert.equal(await call(message, { "content-type": "text/plain" }), "http 415");
    assert.equal(await call(message, { ":method": "PUT" }), "http 405");
    assert.equal(await call(message, { ":path": "/x/y" }), "12");
    assert.equal(await call(message, { filler: "z".repeat(1_500) }), "0");
    assert.equal(await call(message, { filler: "z".repeat(3_000) }), "reset 11");
    session.destroy();
  });

  it("that the handler cannot answer is Internal, with the cause in the log under the same request id", async () => {
    const lines: Readonly<Record<string, unknown>>[] = [];
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (fields) => lines.push(fields),
      child: () => logger,
    };
    const failing = new RpcRouter().unary(entryService.GetEntry, async () =>
      Promise.reject(new TypeError("the cause")),
    );
    await using service = await UnixService.start({ router: failing, logger });
    await assert.rejects(service.dial().unary(entryService.GetEntry, {}), (error) => {
      assert.ok(error instanceof ServiceError && error.code === "ERR_INTERNAL");
      const info = error.details.find((detail) => detail.kind === "error-info");
      assert.equal(info?.kind === "error-info" && info.metadata["request_id"], lines[0]?.["request_id"]);
      return true;
    });
    assert.match(String(lines[0]?.["error"]), /the cause/);
  });
});

describe("interceptors", () => {
  it("run around every call, first one outermost, and can refuse", async () => {
    const seen: string[] = [];
    const router = new RpcRouter()
      .use(async (call, next) => {
        seen.push(`outer ${call.kind}`);
        await next();
        seen.push("outer done");
      })
      .use(async (call, next) => {
        seen.push(`inner ${call.context.metadata("x-key").join()}`);
        if (call.context.metadata("x-key").length > 1) throw commonErrors.error("ERR_UNIMPLEMENTED", "twice");
        await next();
      })
      .unary(entryService.GetEntry, async () => ({ id: "e" }));
    await using service = await UnixService.start({ router });
    await service.dial().unary(entryService.GetEntry, {}, { metadata: { "x-key": "v" } });
    assert.deepEqual(seen, ["outer unary", "inner v", "outer done"]);
  });

  it("refuse before the request is decoded, whole or even there", async () => {
    const refusing = new RpcRouter()
      .use(async () => {
        throw commonErrors.error("ERR_UNIMPLEMENTED", "not for you");
      })
      .unary(entryService.GetEntry, async () => ({ id: "e" }));
    const open = new RpcRouter().unary(entryService.GetEntry, async () => ({ id: "e" }));
    await using refused = await UnixService.start({ router: refusing });
    await using served = await UnixService.start({ router: open });
    const undecodable = Buffer.from([0x0a, 0xff]);
    const answer = await rawCall(refused.path, entryService.GetEntry.path, {}, undecodable);
    assert.deepEqual([answer.status, answer.message], [12, "not for you"]);
    assert.equal((await rawCall(served.path, entryService.GetEntry.path, {}, undecodable)).status, 3);
    const endless = refused.dial().bidi({ ...entryService.GetEntry, requestStream: true, responseStream: true });
    await assert.rejects(drain(endless.responses), { code: "ERR_UNIMPLEMENTED" });
  });

  it("that do not go on leave the caller with an error, not with silence", async () => {
    const router = new RpcRouter().use(async () => {}).unary(entryService.GetEntry, async () => ({ id: "e" }));
    await using service = await UnixService.start({ router });
    await assert.rejects(service.dial().unary(entryService.GetEntry, {}), { code: "ERR_INTERNAL" });
  });
});

describe("RpcRouter", () => {
  it("refuses a second handler and a handler of the wrong kind", () => {
    const router = new RpcRouter().unary(entryService.GetEntry, async () => ({}));
    assert.throws(() => router.unary(entryService.GetEntry, async () => ({})), TypeError);
    assert.throws(() => router.unary(healthService.Watch, async () => ({})), TypeError);
  });
});

async function drain(answers: AsyncIterable<unknown>, onEach: () => void = () => {}): Promise<void> {
  for await (const _answer of answers) onEach();
}

/** An encoded request of exactly so many bytes whose id is short. */
function filler(bytes: number): Buffer {
  // An unknown field (15) of the right length: tag, two length bytes, filling.
  const padding = Buffer.alloc(bytes - 3, 0x61);
  return Buffer.concat([Buffer.from([0x7a, 0x80 | ((bytes - 3) & 0x7f), (bytes - 3) >> 7]), padding]);
}
