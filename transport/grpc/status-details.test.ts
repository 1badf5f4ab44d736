import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import protobuf from "protobufjs";
import { defineErrors, permissionDeniedReason } from "../errors/service-error.ts";
import { decodeStatusDetails, encodeStatusDetails, statusName } from "./status-details.ts";

/** The messages as Google and SPIRE declare them: an independent reading of what we write by hand. */
const declared = protobuf.parse(
  `syntax = "proto3"; package t;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message PermissionDeniedDetails { int32 reason = 1; }`,
  { keepCase: true },
).root;

const errors = defineErrors({ ERR_TEST: { status: "permissionDenied", meaning: "Test.", fix: "fix it" } });

function read(type: string, bytes: Uint8Array): Record<string, unknown> {
  const message = declared.lookupType(`t.${type}`);
  return message.toObject(message.decode(bytes), { longs: Number, defaults: true });
}

describe("google.rpc.Status details", () => {
  it("are read by an independent decoder, PermissionDeniedDetails first", () => {
    const error = errors.error("ERR_TEST", "no", {
      details: [
        { kind: "retry", delayMs: 2_250 },
        { kind: "error-info", metadata: { near_miss: "x" } },
        { kind: "permission-denied", reason: "agentMustReattest" },
      ],
    });
    const status = read("Status", encodeStatusDetails(error, "r-1"));
    assert.equal(status["code"], 7);
    assert.equal(status["message"], "no");
    const details = Array.isArray(status["details"]) ? status["details"] : [];
    assert.deepEqual(
      details.map((any) => any.type_url),
      [
        "type.googleapis.com/spire.api.types.PermissionDeniedDetails",
        "type.googleapis.com/google.rpc.ErrorInfo",
        "type.googleapis.com/google.rpc.RetryInfo",
      ],
    );
    assert.deepEqual(read("PermissionDeniedDetails", details[0].value), { reason: 5 });
    assert.deepEqual(read("ErrorInfo", details[1].value), {
      reason: "ERR_TEST",
      domain: "countersign",
      metadata: { fix: "fix it", request_id: "r-1", near_miss: "x" },
    });
    assert.deepEqual(read("RetryInfo", details[2].value), { retry_delay: { seconds: 2, nanos: 250_000_000 } });
  });

  it("come back for every reason", () => {
    for (const reason of ["unknown", "agentExpired", "agentNotAttested", "agentNotActive", "agentBanned"] as const) {
      const error = errors.error("ERR_TEST", "no", { details: [{ kind: "permission-denied", reason }] });
      const { code, fix, details } = decodeStatusDetails(encodeStatusDetails(error, "r"));
      assert.equal(code, "ERR_TEST");
      assert.equal(fix, "fix it");
      assert.deepEqual(details[0], { kind: "permission-denied", reason });
      assert.ok(reason in permissionDeniedReason);
    }
  });

  it("of strangers give no code of ours", () => {
    const info = declared.lookupType("t.ErrorInfo");
    const value = info.encode({ reason: "ERR_TEST", domain: "example.org", metadata: {} }).finish();
    const details = [
      { type_url: "type.googleapis.com/google.rpc.ErrorInfo", value },
      { type_url: "x", value },
    ];
    const bytes = declared.lookupType("t.Status").encode({ code: 7, message: "m", details }).finish();
    assert.equal(decodeStatusDetails(bytes).code, undefined);
    assert.equal(decodeStatusDetails(bytes).details.length, 1);
  });

  it("give no code that is none: it would be printed on a terminal", () => {
    const info = declared.lookupType("t.ErrorInfo");
    for (const [reason, code] of [
      ["ERR_TEST", "ERR_TEST"],
      ["ERR_\u001b[2J", undefined],
      ["ERR_TEST\n", undefined],
      [`ERR_${"A".repeat(61)}`, undefined],
      ["", undefined],
    ] as const) {
      const value = info.encode({ reason, domain: "countersign", metadata: {} }).finish();
      const details = [{ type_url: "type.googleapis.com/google.rpc.ErrorInfo", value }];
      const bytes = declared.lookupType("t.Status").encode({ code: 7, message: "m", details }).finish();
      assert.equal(decodeStatusDetails(bytes).code, code);
    }
  });

  it("that are garbage are ignored", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeStatusDetails(bytes);
      }),
    );
  });

  it("name every status number", () => {
    assert.equal(statusName(0), "ok");
    assert.equal(statusName(16), "unauthenticated");
    assert.equal(statusName(99), "unknown");
  });
});
