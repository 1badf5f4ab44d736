import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import protobuf from "protobufjs";
import { agentService, entryService } from "../../proto/services.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { RpcRouter, transportLimits } from "../index.ts";
import { hasMoreFields } from "./request-fields.ts";

const { root } = protobuf.parse(
  `syntax = "proto3"; package t;
  message All { repeated bytes a = 1; repeated uint64 b = 300 [packed = false]; repeated fixed64 c = 3 [packed = false];
    repeated fixed32 d = 4 [packed = false]; }`,
);
const all = root.lookupType("t.All");

describe("hasMoreFields()", () => {
  it("counts the fields of every wire type", () => {
    const values = fc.record({
      a: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 9 }),
      b: fc.array(fc.maxSafeNat(), { maxLength: 9 }),
      c: fc.array(fc.nat(), { maxLength: 9 }),
      d: fc.array(fc.nat(), { maxLength: 9 }),
    });
    fc.assert(
      fc.property(values, (value) => {
        const bytes = all.encode(value).finish();
        const count = Object.values(value).reduce((sum, list) => sum + list.length, 0);
        assert.equal(hasMoreFields(bytes, count), false);
        if (count > 0) assert.equal(hasMoreFields(bytes, count - 1), true);
      }),
    );
  });

  it("ends on any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void hasMoreFields(bytes, 1_000)));
    const endless = Buffer.alloc(1_000, 0xff);
    assert.equal(hasMoreFields(endless, 1_000), false);
    const groups = Buffer.alloc(1_000, 0x0b);
    assert.equal(hasMoreFields(groups, 999), true);
  });
});

describe("a request", () => {
  const router = new RpcRouter()
    .unary(entryService.BatchDeleteEntry, async ({ ids }) => {
      assert.ok(ids.length <= transportLimits.requestFields);
      return {};
    })
    .bidi(agentService.AttestAgent, async (requests) => {
      for await (const request of requests) assert.fail(String(request.step));
    });
  const most = transportLimits.requestFields;

  it("may have as many items as the limit, and not one more", async () => {
    await using service = await UnixService.start({ router });
    const channel = service.dial();
    const ids = Array.from({ length: most }, () => "");
    await channel.unary(entryService.BatchDeleteEntry, { ids });
    const more = channel.unary(entryService.BatchDeleteEntry, { ids: [...ids, ""] });
    await assert.rejects(more, { code: "ERR_MESSAGE_TOO_LARGE" });
  });

  it("is bounded in a stream, too", async () => {
    await using service = await UnixService.start({ router });
    const empty = { ...agentService.AttestAgent, requestSerialize: () => Buffer.alloc(2 * (most + 1), "\n\0") };
    const call = service.dial().bidi(empty);
    call.send({});
    await assert.rejects(call.responses[Symbol.asyncIterator]().next(), { code: "ERR_MESSAGE_TOO_LARGE" });
  });
});
