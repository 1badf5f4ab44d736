import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { it } from "node:test";
import { migrations } from "./migrations.ts";

/** Once released, a migration has run on somebody's database. Add a new one instead of changing a hash here. */
const released = [
  "00a4f7c9717d7aaabbc57c544938bbca44d68e99e65bed14e5a70d9197897b64",
  "ae9309514688c7793d9d895e089a00deb9f72addf286bcee6718269e9720f349",
  "53b76bbade6a3f7f4bd28818e702ef9abad15149100e3e52ca549cc82f278b40",
];

it("keeps every migration as it was released", () => {
  const hashes = migrations.map((sql) => createHash("sha256").update(sql).digest("hex"));
  assert.deepEqual(hashes, released);
});
