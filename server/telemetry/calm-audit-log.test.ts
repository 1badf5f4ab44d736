import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { agentCaller } from "../../test/fakes/server-values.ts";
import type { AuditRecord } from "./audit-log.ts";
import { calmAuditLog } from "./index.ts";

function recordOf(method: string, code: string): AuditRecord {
  const caller = agentCaller("a");
  return { requestId: "r", method, caller, authorizedAs: "agent", code, message: "", fields: {}, items: undefined };
}

describe("calmAuditLog()", () => {
  it("records one refusal by rate a second and method, with how many were left out, and everything else", async () => {
    const clock = new FakeClock();
    const written: unknown[] = [];
    const audit = calmAuditLog(
      { record: ({ method, code, fields }) => void written.push([method, code, fields["not_recorded"]]) },
      clock,
    );
    for (let n = 0; n < 5; n += 1) audit.record(recordOf("/A", "ERR_RATE_LIMITED"));
    audit.record(recordOf("/B", "ERR_RATE_LIMITED"));
    for (let n = 0; n < 2; n += 1) audit.record(recordOf("/A", "ERR_NOT_AUTHORIZED"));
    audit.record(recordOf("/A", "OK"));
    await clock.advance(1_000);
    for (let n = 0; n < 2; n += 1) audit.record(recordOf("/A", "ERR_RATE_LIMITED"));
    assert.deepEqual(written, [
      ["/A", "ERR_RATE_LIMITED", undefined],
      ["/B", "ERR_RATE_LIMITED", undefined],
      ["/A", "ERR_NOT_AUTHORIZED", undefined],
      ["/A", "ERR_NOT_AUTHORIZED", undefined],
      ["/A", "OK", undefined],
      ["/A", "ERR_RATE_LIMITED", 4],
    ]);
  });
});
