import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { transportErrors } from "../../transport/errors/transport.ts";
import { backOffs } from "../limits.ts";
import { RenewalPace } from "./renewal-pace.ts";

const outage = transportErrors.error("ERR_CONNECT_FAILED", "nobody is there");
const refusal = transportErrors.error("ERR_TOO_MANY_BYTES", "too much");
const hour = 3_600_000;

function afterMany(error: unknown): RenewalPace {
  const pace = new RenewalPace(seededRandom(1));
  for (let attempt = 0; attempt < 20; attempt += 1) pace.failed(error, 0, hour);
  return pace;
}

describe("RenewalPace", () => {
  it("waits longer from failure to failure, up to its cap, and begins anew after a success", () => {
    const pace = afterMany(outage);
    const longest = pace.failed(outage, 0, hour);
    assert.ok(longest > backOffs.renew.capMs / 2 && longest <= backOffs.renew.capMs, String(longest));
    assert.equal(pace.notBeforeMs, longest);
    pace.succeeded();
    assert.equal(pace.notBeforeMs, 0);
    assert.ok(pace.failed(outage, 0, hour) <= backOffs.renew.initialMs);
  });

  it("waits an eighth of what is left at most", () => {
    assert.ok(afterMany(outage).failed(outage, 0, 40_000) <= 5_000);
  });

  it("puts nothing off when the server is back from an outage; what a server refused waits its time out", () => {
    const cutOff = afterMany(outage);
    assert.deepEqual([cutOff.serverIsBack(), cutOff.notBeforeMs], [true, 0]);
    const refused = afterMany(refusal);
    const { notBeforeMs } = refused;
    assert.ok(notBeforeMs > 0);
    assert.deepEqual([refused.serverIsBack(), refused.notBeforeMs], [false, notBeforeMs]);
  });
});
