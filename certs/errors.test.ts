import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { CertsError, certsErrorSpecs } from "./errors.ts";
import { certsLimits } from "./limits.ts";

const folder = new URL(".", import.meta.url);
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") }));

describe("the tables of this library", () => {
  it("explain every code, and every code is used", () => {
    for (const [code, { meaning, fix }] of Object.entries(certsErrorSpecs)) {
      assert.match(code, /^ERR_(DER|PEM|KEY|CERT|CSR|TEMPLATE|CHAIN)_[A-Z_]+$/);
      assert.ok(meaning.endsWith(".") && !fix.endsWith("."), code);
      const users = sources.filter(({ name, text }) => name !== "errors.ts" && text.includes(`"${code}"`));
      assert.notEqual(users.length, 0, `${code} is never thrown`);
    }
  });

  it("give every limit a reason, and every limit is used", () => {
    for (const [name, { value, reason }] of Object.entries(certsLimits)) {
      assert.ok(Number.isInteger(value) && value > 0 && reason.length > 10, name);
      assert.ok(
        sources.some(({ text }) => text.includes(`certsLimits.${name}.value`)),
        name,
      );
    }
  });

  it("make errors that carry code and cause", () => {
    const cause = new Error("inner");
    const error = new CertsError("ERR_KEY_INVALID", "message", { cause });
    assert.deepEqual([error.name, error.code, error.cause], ["CertsError", "ERR_KEY_INVALID", cause]);
  });
});
