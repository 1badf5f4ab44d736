import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { plainYaml } from "./yaml.ts";

describe("plainYaml()", () => {
  it("shows no control characters of any age, nor such that turn text around, and reads back", () => {
    const hostile = {
      entries: [{ hint: "a\u009b31mb", selectors: ["k8s:\u202ex", "k8s:\u001b[31m\r\n\u0085- y"] }],
      "\u009bk": 1,
    };
    const text = plainYaml(hostile);
    assert.doesNotMatch(text, /[^\P{Cc}\n]|\p{Bidi_Control}/u);
    assert.deepEqual(parse(text), hostile);
  });

  it("leaves ordinary text as people write it", () => {
    assert.equal(
      plainYaml({ spiffe_id: "spiffe://example.org/a", list: ["ü", "unix:uid:1"] }),
      ["spiffe_id: spiffe://example.org/a", "list:", "  - ü", "  - unix:uid:1"].join("\n"),
    );
  });
});
