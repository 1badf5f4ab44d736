import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { errorFields, silentLogger } from "./logger.ts";
import { noMetrics } from "./metrics.ts";
import { systemRandom, uuidV7 } from "./random.ts";
import { Secret } from "./secret.ts";

describe("Secret", () => {
  it("shows itself only through reveal()", () => {
    const secret = new Secret("hunter2");
    for (const shown of [String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ a: [secret] })]) {
      assert.ok(!shown.includes("hunter2"), shown);
      assert.ok(shown.includes("[redacted]"), shown);
    }
    assert.equal(secret.reveal(), "hunter2");
  });
});

describe("uuidV7()", () => {
  it("carries the time, the version and the variant, and sorts by time", () => {
    const early = uuidV7(1_700_000_000_000, systemRandom);
    const late = uuidV7(1_700_000_000_001, systemRandom);
    assert.match(early, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(Number.parseInt(early.replaceAll("-", "").slice(0, 12), 16), 1_700_000_000_000);
    assert.ok(early < late);
    assert.notEqual(uuidV7(0, systemRandom), uuidV7(0, systemRandom));
  });
});

describe("systemRandom", () => {
  it("draws floats in [0, 1)", () => {
    for (let draw = 0; draw < 1000; draw += 1) {
      const value = systemRandom.float();
      assert.ok(value >= 0 && value < 1);
    }
  });
});

describe("errorFields()", () => {
  it("joins the messages of the causes and keeps the code", () => {
    const inner = new Error("disk full");
    const outer = Object.assign(new Error("cannot write", { cause: inner }), { code: "ERR_X" });
    assert.deepEqual(errorFields(outer), { error: "cannot write: disk full", error_code: "ERR_X" });
    assert.deepEqual(errorFields("text"), { error: "text" });
    const quoting = new Error("the server refused: disk full", { cause: new Error("disk full") });
    assert.deepEqual(errorFields(quoting), { error: "the server refused: disk full" });
  });

  it("ends on a cause that is its own cause", () => {
    const error = new Error("loop");
    error.cause = error;
    assert.match(String(errorFields(error)["error"]), /^loop(: loop)*$/);
  });
});

describe("the silent logger and metrics", () => {
  it("accept everything", () => {
    silentLogger.child({}).info({ a: 1 }, "x");
    silentLogger.debug({}, "x");
    silentLogger.warn({}, "x");
    silentLogger.error({}, "x");
    noMetrics.counter({ name: "a", help: "b" }).add(1);
    noMetrics.gauge({ name: "a", help: "b" }).set(1);
    noMetrics.histogram({ name: "a", help: "b", buckets: [1] }).observe(1);
  });
});
