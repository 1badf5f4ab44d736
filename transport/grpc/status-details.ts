import { WireReader } from "../../proto/wire/reader.ts";
import { WireWriter } from "../../proto/wire/writer.ts";
import {
  type ErrorDetail,
  type GrpcStatusName,
  grpcStatus,
  type PermissionDeniedReason,
  permissionDeniedReason,
  type ServiceError,
} from "../errors/service-error.ts";

const typeUrl = {
  errorInfo: "type.googleapis.com/google.rpc.ErrorInfo",
  retryInfo: "type.googleapis.com/google.rpc.RetryInfo",
  permissionDenied: "type.googleapis.com/spire.api.types.PermissionDeniedDetails",
} as const;

/** The `domain` of our ErrorInfo details: a `reason` under it is one of our error codes. */
const errorDomain = "countersign";

/** A detail bigger than this is left out: every client must be able to take the trailers. */
const longestMetadataValue = 1_024;
const mostMetadataValues = 16;

/**
 * google.rpc.Status for `error`: PermissionDeniedDetails first when there are any (a SPIRE agent looks at the first
 * detail), then ErrorInfo with the code, the fix and the request id, then RetryInfo.
 */
export function encodeStatusDetails(error: ServiceError, requestId: string): Uint8Array {
  const status = new WireWriter();
  const code = grpcStatus[error.status];
  if (code !== 0) status.uint32(0x08).int64(code);
  status.uint32(0x12).string(error.message);
  const metadata: Record<string, string> = { fix: error.fix, request_id: requestId };
  for (const detail of error.details) {
    if (detail.kind === "error-info") Object.assign(metadata, detail.metadata);
    if (detail.kind === "permission-denied") {
      const reason = permissionDeniedReason[detail.reason];
      addAny(status, typeUrl.permissionDenied, reason === 0 ? new Uint8Array() : Uint8Array.of(0x08, reason));
    }
  }
  addAny(status, typeUrl.errorInfo, encodeErrorInfo(error.code, metadata));
  for (const detail of error.details) {
    if (detail.kind === "retry") addAny(status, typeUrl.retryInfo, encodeRetryInfo(detail.delayMs));
  }
  return status.finish();
}

function addAny(status: WireWriter, url: string, value: Uint8Array): void {
  const any = new WireWriter().uint32(0x0a).string(url);
  if (value.length > 0) any.uint32(0x12).bytes(value);
  status.uint32(0x1a).bytes(any.finish());
}

function encodeErrorInfo(reason: string, metadata: Readonly<Record<string, string>>): Uint8Array {
  const info = new WireWriter().uint32(0x0a).string(reason).uint32(0x12).string(errorDomain);
  for (const [key, value] of Object.entries(metadata).slice(0, mostMetadataValues)) {
    const cut = value.slice(0, longestMetadataValue);
    info.uint32(0x1a).message((pair) => pair.uint32(0x0a).string(key).uint32(0x12).string(cut));
  }
  return info.finish();
}

function encodeRetryInfo(delayMs: number): Uint8Array {
  const seconds = Math.floor(delayMs / 1_000);
  const duration = new WireWriter().uint32(0x08).int64(seconds);
  const nanos = Math.round((delayMs - seconds * 1_000) * 1e6);
  if (nanos > 0) duration.uint32(0x10).int64(nanos);
  return new WireWriter().uint32(0x0a).bytes(duration.finish()).finish();
}

/** Codes are printed, logged and counted as they are: nothing else may come in their place. */
const codeForm = /^ERR_[A-Z0-9_]{1,60}$/;

export interface StatusDetails {
  /** Our own error code, when the other side is one of ours. */
  readonly code: string | undefined;
  readonly fix: string | undefined;
  readonly details: readonly ErrorDetail[];
}

const noDetails: StatusDetails = { code: undefined, fix: undefined, details: [] };

/** The details we know, of a `grpc-status-details-bin` value. Never fails: what does not parse is not there. */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails {
  try {
    return readStatus(bytes);
  } catch {
    // An explanation that cannot be read must not hide the status it explains.
    return noDetails;
  }
}

function readStatus(bytes: Uint8Array): StatusDetails {
  let code: string | undefined;
  let fix: string | undefined;
  const details: ErrorDetail[] = [];
  for (const any of readFields(bytes).all(3)) {
    const fields = readFields(any);
    const url = text(fields.first(1));
    const value = fields.first(2) ?? new Uint8Array();
    if (url === typeUrl.permissionDenied) details.push({ kind: "permission-denied", reason: readReason(value) });
    if (url === typeUrl.retryInfo) details.push({ kind: "retry", delayMs: readRetryDelay(value) });
    if (url === typeUrl.errorInfo) {
      const { reason, domain, metadata } = readErrorInfo(value);
      details.push({ kind: "error-info", metadata });
      if (domain !== errorDomain || !codeForm.test(reason)) continue;
      code = reason;
      fix = metadata["fix"];
    }
  }
  return { code, fix, details };
}

function readErrorInfo(bytes: Uint8Array): {
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
} {
  const fields = readFields(bytes);
  const pairs = fields.all(3).map((pair) => {
    const entry = readFields(pair);
    return [text(entry.first(1)), text(entry.first(2))] as const;
  });
  return { reason: text(fields.first(1)), domain: text(fields.first(2)), metadata: Object.fromEntries(pairs) };
}

function readReason(bytes: Uint8Array): PermissionDeniedReason {
  const value = readFields(bytes).number(1);
  const known = Object.entries(permissionDeniedReason).find(([, number]) => number === value);
  return isReason(known?.[0]) ? known[0] : "unknown";
}

function isReason(name: string | undefined): name is PermissionDeniedReason {
  return name !== undefined && name in permissionDeniedReason;
}

function readRetryDelay(bytes: Uint8Array): number {
  const duration = readFields(readFields(bytes).first(1) ?? new Uint8Array());
  return duration.number(1) * 1_000 + duration.number(2) / 1e6;
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("utf8");
}

interface Fields {
  all(field: number): readonly Uint8Array[];
  first(field: number): Uint8Array | undefined;
  /** A varint field; 0 when absent. */
  number(field: number): number;
}

function readFields(bytes: Uint8Array): Fields {
  const chunks = new Map<number, Uint8Array[]>();
  const numbers = new Map<number, number>();
  const reader = new WireReader(bytes);
  while (!reader.isAtEnd) {
    const tag = reader.uint32();
    const field = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === 2) {
      const values = chunks.get(field) ?? [];
      values.push(reader.bytes());
      chunks.set(field, values);
    } else if (wireType === 0) numbers.set(field, reader.int64());
    else reader.skip(wireType);
  }
  return {
    all: (field) => chunks.get(field) ?? [],
    first: (field) => chunks.get(field)?.[0],
    number: (field) => numbers.get(field) ?? 0,
  };
}

/** The name of a gRPC status number; `unknown` for numbers that are none. */
export function statusName(code: number): GrpcStatusName {
  const known = Object.entries(grpcStatus).find(([, number]) => number === code);
  return isStatusName(known?.[0]) ? known[0] : "unknown";
}

function isStatusName(name: string | undefined): name is GrpcStatusName {
  return name !== undefined && name in grpcStatus;
}
