import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { agentService, entryService, healthService, svidService } from "../../proto/services.ts";
import {
  defineErrors,
  dialUnix,
  type Listener,
  listenUnix,
  type RpcChannel,
  RpcRouter,
  ServiceError,
} from "../index.ts";

const errors = defineErrors({
  ERR_TEST_BANNED: { status: "permissionDenied", meaning: "Test.", fix: "do not be banned" },
});

describe("calls over a Unix socket", () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-"));
  const path = join(folder, "run", "api.sock");
  let listener: Listener;
  let channel: RpcChannel;

  before(async () => {
    const router = new RpcRouter()
      .unary(entryService.GetEntry, async (request) => ({ id: request.id }))
      .unary(agentService.BanAgent, async () => {
        throw errors.error("ERR_TEST_BANNED", "agent is banned", {
          details: [
            { kind: "permission-denied", reason: "agentBanned" },
            { kind: "retry", delayMs: 1_500 },
          ],
        });
      })
      .unary(agentService.DeleteAgent, async () => {
        throw new Error("secret cause");
      })
      .serverStream(healthService.Watch, async (request, _context, sink) => {
        for (const status of [0, 1, 2] as const) await sink.send({ status });
        assert.equal(request.service, "all");
      })
      .bidi(agentService.AttestAgent, async (requests, _context, sink) => {
        for await (const request of requests) {
          if (request.step === "challenge_response") await sink.send({ challenge: request.challenge_response ?? "" });
          else return;
        }
      });
    listener = await listenUnix({ path, mode: 0o770, directoryMode: 0o750, router });
    channel = dialUnix({ path });
  });
  after(async () => {
    channel.close();
    await listener.close({ graceMs: 0 });
    rmSync(folder, { recursive: true });
  });

  it("answers a unary call", async () => {
    const entry = await channel.unary(entryService.GetEntry, { id: "one" });
    assert.equal(entry.id, "one");
  });

  it("carries a declared error with code, fix and details", async () => {
    await assert.rejects(channel.unary(agentService.BanAgent, {}), (error) => {
      assert.ok(error instanceof ServiceError);
      assert.equal(error.code, "ERR_TEST_BANNED");
      assert.equal(error.status, "permissionDenied");
      assert.equal(error.fix, "do not be banned");
      assert.deepEqual(error.details[0], { kind: "permission-denied", reason: "agentBanned" });
      assert.deepEqual(error.details[2], { kind: "retry", delayMs: 1_500 });
      return true;
    });
  });

  it("hides an undeclared error", async () => {
    await assert.rejects(channel.unary(agentService.DeleteAgent, {}), {
      code: "ERR_INTERNAL",
      message: "internal error",
    });
  });

  it("answers Unimplemented for what is not served", async () => {
    await assert.rejects(channel.unary(svidService.MintX509SVID, {}), { code: "ERR_UNIMPLEMENTED" });
  });

  it("streams answers to the end", async () => {
    const seen: number[] = [];
    for await (const answer of channel.serverStream(healthService.Watch, { service: "all" })) seen.push(answer.status);
    assert.deepEqual(seen, [0, 1, 2]);
  });

  it("streams both ways until the server ends it", async () => {
    const call = channel.bidi(agentService.AttestAgent);
    const seen: string[] = [];
    call.send({ challenge_response: Buffer.from("a") });
    for await (const answer of call.responses) {
      seen.push(answer.challenge?.toString() ?? "");
      call.send(seen.length < 3 ? { challenge_response: Buffer.from("b") } : { params: {} });
    }
    assert.deepEqual(seen, ["a", "b", "b"]);
  });
});
