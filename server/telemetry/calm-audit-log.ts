import type { Clock } from "../../runtime/core/index.ts";
import { serverLimits } from "../limits.ts";
import type { AuditLog } from "./audit-log.ts";

/**
 * Keeps who calls far too often from filling the disk: of the calls of one method that a rate limit refused, one record a
 * second, which counts those that were left out before it (`not_recorded`). Everything else is recorded.
 */
export function calmAuditLog(audit: AuditLog, clock: Clock): AuditLog {
  const refused = new Map<string, { readonly atMs: number; leftOut: number }>();
  return {
    record: (record) => {
      if (record.code !== "ERR_RATE_LIMITED") return audit.record(record);
      const last = refused.get(record.method);
      const atMs = clock.monotonic();
      if (last !== undefined && atMs - last.atMs < serverLimits.rateRefusalAuditMs.value) {
        last.leftOut += 1;
        return;
      }
      refused.set(record.method, { atMs, leftOut: 0 });
      const leftOut = last?.leftOut ?? 0;
      audit.record(leftOut === 0 ? record : { ...record, fields: { ...record.fields, not_recorded: leftOut } });
    },
  };
}
