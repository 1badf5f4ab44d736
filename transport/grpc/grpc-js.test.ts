/** Our server and client against an implementation nobody here wrote. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import grpc from "@grpc/grpc-js";
import { agentService, entryService, healthService } from "../../proto/services.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { commonErrors, defineErrors, dialUnix, type RpcChannel, RpcRouter } from "../index.ts";
import { decodeStatusDetails } from "./status-details.ts";

const errors = defineErrors({ ERR_TEST: { status: "permissionDenied", meaning: "Test.", fix: "fix it" } });
const raw = (bytes: Buffer): Buffer => bytes;

describe("a grpc-js client at our server", () => {
  let service: UnixService;
  let client: grpc.Client;
  const router = new RpcRouter()
    .unary(entryService.GetEntry, async (request, context) => {
      assert.ok((context.deadlineLeftMs() ?? 0) > 0);
      return { id: request.id + context.metadata("x-key").join() };
    })
    .unary(agentService.BanAgent, async () => {
      const details = [{ kind: "permission-denied", reason: "agentBanned" } as const];
      throw errors.error("ERR_TEST", "gebannt für immer", { details });
    })
    .serverStream(healthService.Watch, async (_request, _context, sink) => {
      for (const status of [1, 2, 3] as const) await sink.send({ status });
      throw commonErrors.error("ERR_SHUTTING_DOWN", "over");
    })
    .bidi(agentService.AttestAgent, async (requests, _context, sink) => {
      for await (const request of requests) {
        if (request.params) return;
        await sink.send({ challenge: request.challenge_response ?? "" });
      }
    });

  before(async () => {
    service = await UnixService.start({ router });
    client = new grpc.Client(`unix:${service.path}`, grpc.credentials.createInsecure());
  });
  after(async () => {
    client.close();
    await service[Symbol.asyncDispose]();
  });

  const unary = (path: string, request: Uint8Array, metadata = new grpc.Metadata()): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + 5_000 };
      client.makeUnaryRequest(path, raw, raw, Buffer.from(request), metadata, options, (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer ?? Buffer.alloc(0));
      });
    });

  it("gets unary answers, metadata and deadlines across", async () => {
    const metadata = new grpc.Metadata();
    metadata.set("x-key", "!");
    const { requestSerialize, responseDeserialize, path } = entryService.GetEntry;
    const answer = responseDeserialize(await unary(path, requestSerialize({ id: "one" }), metadata));
    assert.equal(answer.id, "one!");
  });

  it("gets status, text and details of an error", async () => {
    await assert.rejects(unary(agentService.BanAgent.path, Buffer.alloc(0)), (error) => {
      assert.ok(error instanceof Error && "code" in error && "details" in error && "metadata" in error);
      assert.equal(error.code, grpc.status.PERMISSION_DENIED);
      assert.equal(error.details, "gebannt für immer");
      assert.ok(error.metadata instanceof grpc.Metadata);
      const [binary] = error.metadata.get("grpc-status-details-bin");
      assert.ok(binary instanceof Buffer);
      assert.equal(decodeStatusDetails(binary).code, "ERR_TEST");
      return true;
    });
    await assert.rejects(unary("/no.Such/Method", Buffer.alloc(0)), { code: grpc.status.UNIMPLEMENTED });
    await assert.rejects(unary(entryService.GetEntry.path, Buffer.from("0aff", "hex")), {
      code: grpc.status.INVALID_ARGUMENT,
    });
    await assert.rejects(unary(entryService.GetEntry.path, Buffer.alloc(1024 * 1024 + 1)), {
      code: grpc.status.RESOURCE_EXHAUSTED,
    });
  });

  it("gets every message of a stream before its error", async () => {
    const stream = client.makeServerStreamRequest(healthService.Watch.path, raw, raw, Buffer.alloc(0));
    const seen: number[] = [];
    await assert.rejects(
      async () => {
        for await (const bytes of stream) seen.push(healthService.Watch.responseDeserialize(bytes).status);
      },
      { code: grpc.status.UNAVAILABLE, details: "over" },
    );
    assert.deepEqual(seen, [1, 2, 3]);
  });

  it("talks both ways; the server may end first", async () => {
    const { path, requestSerialize, responseDeserialize } = agentService.AttestAgent;
    const call = client.makeBidiStreamRequest(path, raw, raw);
    const seen: string[] = [];
    call.write(Buffer.from(requestSerialize({ challenge_response: Buffer.from("a") })));
    for await (const bytes of call) {
      seen.push(String(responseDeserialize(bytes).challenge));
      call.write(Buffer.from(requestSerialize({ params: {} })));
    }
    assert.deepEqual(seen, ["a"]);
  });
});

describe("our client at a grpc-js server", () => {
  let channel: RpcChannel;
  let folder: string;
  let server: grpc.Server;
  const listener = createServer();

  before(async () => {
    server = new grpc.Server({ "grpc.max_receive_message_length": 2_000 });
    const { GetEntry } = entryService;
    server.register(
      GetEntry.path,
      (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
        const { id } = GetEntry.requestDeserialize(call.request);
        if (id === "late") return;
        if (id === "bad") callback({ code: grpc.status.NOT_FOUND, details: "no ä entry" });
        else callback(null, Buffer.from(GetEntry.responseSerialize({ id: id + call.metadata.get("x-key").join() })));
      },
      raw,
      raw,
      "unary",
    );
    server.register(
      healthService.Watch.path,
      (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        for (const status of [1, 2, 3] as const)
          call.write(Buffer.from(healthService.Watch.responseSerialize({ status })));
        call.end();
      },
      raw,
      raw,
      "serverStream",
    );
    server.register(
      agentService.AttestAgent.path,
      (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        call.on("data", (bytes: Buffer) => {
          const { challenge_response } = agentService.AttestAgent.requestDeserialize(bytes);
          call.write(Buffer.from(agentService.AttestAgent.responseSerialize({ challenge: challenge_response ?? "" })));
        });
        call.on("end", () => call.end());
      },
      raw,
      raw,
      "bidi",
    );
    const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
    listener.on("connection", (socket) => injector.injectConnection(socket));
    folder = mkdtempSync(join(tmpdir(), "countersign-"));
    await new Promise<void>((resolve) => listener.listen(join(folder, "s.sock"), resolve));
    channel = dialUnix({ path: join(folder, "s.sock") });
  });
  after(() => {
    channel.close();
    server.forceShutdown();
    listener.close();
    rmSync(folder, { recursive: true });
  });

  it("gets unary answers and foreign errors", async () => {
    const entry = await channel.unary(
      entryService.GetEntry,
      { id: "one" },
      { metadata: { "x-key": "!" }, timeoutMs: 5_000 },
    );
    assert.equal(entry.id, "one!");
    await assert.rejects(channel.unary(entryService.GetEntry, { id: "bad" }), {
      code: "ERR_RPC_NOT_FOUND",
      status: "notFound",
      message: "no ä entry",
    });
    await assert.rejects(channel.unary(agentService.BanAgent, {}), { code: "ERR_RPC_UNIMPLEMENTED" });
    await assert.rejects(channel.unary(entryService.GetEntry, { id: "x".repeat(3_000) }), {
      code: "ERR_RPC_RESOURCE_EXHAUSTED",
    });
    await assert.rejects(channel.unary(entryService.GetEntry, { id: "late" }, { timeoutMs: 50 }), {
      code: /^ERR_(RPC_)?DEADLINE_EXCEEDED$/,
    });
  });

  it("gets streams to their end", async () => {
    const seen: number[] = [];
    for await (const { status } of channel.serverStream(healthService.Watch, {})) seen.push(status);
    assert.deepEqual(seen, [1, 2, 3]);
    const call = channel.bidi(agentService.AttestAgent);
    call.send({ challenge_response: Buffer.from("a") });
    call.end();
    const answers: string[] = [];
    for await (const { challenge } of call.responses) answers.push(String(challenge));
    assert.deepEqual(answers, ["a"]);
  });

  it("lets what runs go on when the server says goodbye", async () => {
    await channel.unary(entryService.GetEntry, { id: "one" });
    const late = channel.unary(entryService.GetEntry, { id: "late" }, { timeoutMs: 300 });
    await new Promise<void>((resolve) => setImmediate(resolve));
    server.tryShutdown(() => {});
    await assert.rejects(late, { code: /DEADLINE_EXCEEDED$/ });
  });
});
