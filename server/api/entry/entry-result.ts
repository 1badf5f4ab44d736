import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import { grpcStatus, type ServiceError } from "../../../transport/errors/service-error.ts";
import type { AuditItem } from "../../telemetry/index.ts";

/** What became of one item of a batch. Every item has a status; `entry` is the one created, changed, or in the way. */
export interface EntryResult {
  readonly id: string;
  /** gRPC status number; 0 = OK. */
  readonly status: number;
  readonly message: string;
  /** `OK` or an error code, for records. */
  readonly code: string;
  readonly entry: RegistrationEntry | undefined;
}

export function entryDone(id: string, entry?: RegistrationEntry): EntryResult {
  return { id, status: grpcStatus.ok, message: "OK", code: "OK", entry };
}

export function entryRefused(id: string, error: ServiceError, entry?: RegistrationEntry): EntryResult {
  return { id, status: grpcStatus[error.status], message: error.message, code: error.code, entry };
}

export function auditItems(results: readonly EntryResult[]): readonly AuditItem[] {
  return results.map(({ id, code, entry }) => ({
    code,
    entry_id: id,
    ...(entry === undefined ? {} : { spiffe_id: entry.spiffeId.toString(), parent_id: entry.parentId.toString() }),
  }));
}
