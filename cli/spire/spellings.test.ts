import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agentSettings } from "../../agent/index.ts";
import { spireSpellings } from "./spellings.ts";

describe("what is said in place of a flag of SPIRE's", () => {
  it("names settings of the agent that there are", () => {
    const named = Object.values(spireSpellings["agent run"] ?? {}).flatMap((spelling) => {
      if (typeof spelling === "string" || spelling.kind !== "refused") return [];
      return /^set (\S+) in the agent's settings/.exec(spelling.instead)?.[1] ?? [];
    });
    assert.ok(named.length >= 3);
    for (const name of named) assert.ok(Object.hasOwn(agentSettings, name), name);
  });
});
