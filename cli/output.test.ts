import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ServiceError } from "../transport/index.ts";
import { CommandError, exitCodes, inputError } from "./exit-codes.ts";
import { facts, life, printable, type Terminal, time, toJson } from "./output.ts";
import { reportFailure } from "./report-failure.ts";
import { table } from "./table.ts";

const plain: Terminal = { out() {}, err() {}, colors: false };

describe("what is printed", () => {
  it("toJson: bytes in base64, no notes of the decoder, one line", () => {
    const message = { id: "1", svid: { der: Buffer.from([1, 2]), _result: "svid" }, _hint: "hint" };
    assert.equal(toJson(message), '{"id":"1","svid":{"der":"AQI="}}');
    assert.equal(toJson({ text: "a\nb" }).includes("\n"), false);
  });

  it("toJson: what JSON leaves unescaped and a terminal obeys is escaped, and still the same text", () => {
    const text = 'c1 \u009b31m, bidi \u202e, del \u007f, quote ", newline \n';
    const json = toJson({ text });
    assert.doesNotMatch(json, /[\p{Cc}\p{Bidi_Control}]/u);
    assert.deepEqual(JSON.parse(json), { text });
  });

  it("printable: no control character, no change of direction; all else as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        assert.doesNotMatch(printable(text), /[\p{Cc}\p{Bidi_Control}]/u);
      }),
    );
    assert.equal(printable("Grüße 你好 👩‍💻"), "Grüße 你好 👩‍💻");
    assert.equal(printable("\u001b[31m\u009b\u2066"), "\\u001b[31m\\u009b\\u2066");
  });

  it("facts: aligned, lists below each other", () => {
    assert.equal(
      facts([
        ["A", "1"],
        ["Long", ["x", "y"]],
      ]),
      "A    : 1\nLong : x\n     : y",
    );
  });

  it("time and life", () => {
    assert.equal(time(0), "never");
    assert.equal(time("1764063000"), "2025-11-25 09:30:00 UTC");
    assert.equal(time("9223372036854775807"), "9223372036854775807");
    assert.equal(life(0), "default");
    assert.equal(life(5461), "1h31m1s");
  });

  it("table: one line a row, columns aligned, bold heads only where there are colours", () => {
    const rows = [
      ["a", "1"],
      ["long\nname", "2"],
    ];
    assert.equal(table(plain, ["NAME", "N"], rows), "NAME            N\na               1\nlong\\u000aname  2");
    assert.notEqual(table({ ...plain, colors: true }, ["NAME"], []), table(plain, ["NAME"], []));
  });
});

describe("reportFailure()", () => {
  async function report(error: unknown, asJson = false, colors = false) {
    const err: string[] = [];
    const terminal = { ...plain, colors, err: (text: string) => void err.push(text) };
    return { code: await reportFailure(error, terminal, asJson), err: err.join("\n") };
  }
  const refusal = (status: "notFound" | "unavailable" | "deadlineExceeded", fix = "do this") =>
    new ServiceError("ERR_X", { status, meaning: "", fix }, "it is so");

  it("has message, code and hint of every kind of error, and its exit code", async () => {
    const known = inputError("ERR_USAGE", "wrong", "do better");
    assert.deepEqual(await report(known), { code: exitCodes.usage, err: "Error: wrong (ERR_USAGE)\n       do better" });
    const asked = await report(known, true);
    assert.equal(asked.err, '{"error":"wrong","code":"ERR_USAGE","hint":"do better"}');
    assert.deepEqual(await report(refusal("notFound")), { code: 1, err: "Error: it is so (ERR_X)\n       do this" });
    assert.equal((await report(refusal("notFound", ""), true)).err, '{"error":"it is so","code":"ERR_X"}');
    assert.equal((await report(refusal("unavailable"))).code, exitCodes.unreachable);
    assert.equal((await report(refusal("deadlineExceeded"))).code, exitCodes.unreachable);
    const late = new CommandError(exitCodes.timedOut, "late", { code: "ERR_L", hint: undefined, cause: known });
    assert.deepEqual([late.cause, await report(late)], [known, { code: 4, err: "Error: late (ERR_L)" }]);
  });

  it("reports what nobody foresaw", async () => {
    assert.deepEqual(await report(new Error("odd")), { code: 1, err: "Error: odd" });
    assert.deepEqual(await report("odder"), { code: 1, err: "Error: odder" });
    const system = Object.assign(new Error("no space"), { code: "ENOSPC" });
    assert.equal((await report(system)).err, "Error: no space (ENOSPC)");
  });

  it("colours the word, not what others wrote; keeps several lines", async () => {
    assert.match((await report(new Error("a\u001b[2J"), false, true)).err, /Error:.* a\\u001b\[2J$/);
    assert.equal((await report(inputError("ERR_CONFIG", "2 problems\n  a\n  b", "h"))).err.split("\n").length, 4);
  });
});
