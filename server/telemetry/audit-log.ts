import type { Logger } from "../../runtime/core/index.ts";
import { type Caller, callerFields } from "../authorization/index.ts";

export type AuditFields = Readonly<Record<string, unknown>>;

/** One change, issuance or refusal. */
export interface AuditItem {
  /** `OK` or the error's code. */
  readonly code: string;
  readonly [field: string]: unknown;
}

export interface AuditRecord {
  readonly requestId: string;
  readonly method: string;
  readonly caller: Caller;
  /** Class the caller was let in as; "" when it was refused before that was known. */
  readonly authorizedAs: string;
  readonly code: string;
  readonly message: string;
  readonly fields: AuditFields;
  /** Of a batch: one per item, in the order of the request. One line holds them all, so that a batch costs one write. */
  readonly items: readonly AuditItem[] | undefined;
}

export interface AuditLog {
  record(record: AuditRecord): void;
}

export function auditLog(logger: Logger): AuditLog {
  const audit = logger.child({ type: "audit" });
  return {
    record: (record) => {
      const fields = {
        request_id: record.requestId,
        method: record.method,
        ...callerFields(record.caller),
        authorized_as: record.authorizedAs,
        code: record.code,
        ...(record.message === "" ? {} : { reason: record.message }),
        ...record.fields,
        ...(record.items === undefined ? {} : { items: record.items }),
      };
      if (record.code === "OK") audit.info(fields, "done");
      else audit.warn(fields, "refused");
    },
  };
}

export const noAuditLog: AuditLog = { record: () => {} };
