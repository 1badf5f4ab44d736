import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { descriptorsModule } from "./descriptors.ts";

test("proto/gen/descriptors.ts is what npm run proto makes of the sources", () => {
  assert.equal(readFileSync("proto/gen/descriptors.ts", "utf8"), descriptorsModule("proto"));
});
