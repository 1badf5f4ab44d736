import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LogFields, Logger } from "../../runtime/core/index.ts";
import { agentCaller } from "../../test/fakes/server-values.ts";
import { auditLog } from "./index.ts";

interface Written {
  readonly level: string;
  readonly fields: LogFields;
}

function recorder(): { readonly written: Written[]; readonly logger: Logger } {
  const written: Written[] = [];
  const make = (common: LogFields): Logger => {
    const at = (level: string) => (fields: LogFields) => void written.push({ level, fields: { ...common, ...fields } });
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: (fields) => make({ ...common, ...fields }),
    };
  };
  return { written, logger: make({}) };
}

const record = {
  requestId: "r1",
  method: "/x.Y/Z",
  caller: agentCaller("a"),
  authorizedAs: "agent",
  code: "OK",
  message: "",
  fields: { entry_id: "e1" },
  items: undefined,
};

describe("auditLog()", () => {
  it("writes who did what, as whom, and how it ended", () => {
    const { written, logger } = recorder();
    auditLog(logger).record(record);
    assert.deepEqual(written, [
      {
        level: "info",
        fields: {
          type: "audit",
          request_id: "r1",
          method: "/x.Y/Z",
          caller_address: "192.0.2.1",
          caller_id: "spiffe://example.org/spire/agent/join_token/a",
          authorized_as: "agent",
          code: "OK",
          entry_id: "e1",
        },
      },
    ]);
  });

  it("writes one line for a batch, with an item each, and refusals as warnings with their reason", () => {
    const { written, logger } = recorder();
    const log = auditLog(logger);
    log.record({ ...record, items: [{ code: "OK" }, { code: "ERR_ENTRY_NOT_FOUND" }] });
    const caller = { kind: "local", uid: 7, gid: 8, pid: 9 } as const;
    log.record({ ...record, caller, code: "ERR_NOT_AUTHORIZED", message: "denied" });
    assert.equal(written.length, 2);
    assert.deepEqual(written[0]?.fields["items"], [{ code: "OK" }, { code: "ERR_ENTRY_NOT_FOUND" }]);
    assert.deepEqual(
      [written[1]?.level, written[1]?.fields["reason"], written[1]?.fields["caller_uid"]],
      ["warn", "denied", 7],
    );
  });
});
