import { constants, type IncomingHttpHeaders } from "node:http2";
import { type GrpcStatusName, ServiceError } from "../errors/service-error.ts";
import { transportErrors } from "../errors/transport.ts";
import { decodeMessageText } from "../grpc/message-text.ts";
import { decodeStatusDetails, statusName } from "../grpc/status-details.ts";

/** The other side's own answer: its status came in trailers. All other errors of a call are about the call itself. */
export class AnsweredError extends ServiceError {}

/**
 * What the other side answered, as the error it was there: the code from our ErrorInfo, else `ERR_RPC_<STATUS>`.
 * `undefined` for OK.
 */
export function errorOfTrailers(trailers: IncomingHttpHeaders): ServiceError | undefined {
  const value = String(trailers["grpc-status"]);
  if (!/^\d{1,3}$/.test(value)) return transportErrors.error("ERR_CALL_PROTOCOL", "the answer has no usable status");
  const status = statusName(Number(value));
  if (status === "ok") return undefined;
  const binary = trailers["grpc-status-details-bin"];
  const { code, fix, details } = decodeStatusDetails(Buffer.from(String(binary ?? ""), "base64"));
  const message = decodeMessageText(String(trailers["grpc-message"] ?? ""));
  const spec = { status, meaning: "What the other side answered.", fix: fix ?? "see the other side's log" };
  return new AnsweredError(code ?? rpcCode(status), spec, message || `the other side answered ${status}`, { details });
}

/** `permissionDenied` → `ERR_RPC_PERMISSION_DENIED`. */
function rpcCode(status: GrpcStatusName): string {
  return `ERR_RPC_${status.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

const httpStatus: ReadonlyMap<number, GrpcStatusName> = new Map([
  [400, "internal"],
  [401, "unauthenticated"],
  [403, "permissionDenied"],
  [404, "unimplemented"],
  [429, "unavailable"],
  [502, "unavailable"],
  [503, "unavailable"],
  [504, "unavailable"],
]);

/** An answer that is no gRPC, from a proxy or another kind of server (gRPC's table of HTTP statuses). */
export function errorOfHttpStatus(code: number): ServiceError {
  const status = httpStatus.get(code) ?? "unknown";
  const fix = "check that the address is that of a gRPC service";
  return unanswered(status, `the other side answered HTTP ${code} instead of gRPC`, fix);
}

const resetStatus: ReadonlyMap<number, GrpcStatusName> = new Map([
  [constants.NGHTTP2_REFUSED_STREAM, "unavailable"],
  [constants.NGHTTP2_CANCEL, "cancelled"],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, "resourceExhausted"],
  [constants.NGHTTP2_INADEQUATE_SECURITY, "permissionDenied"],
]);

/** The stream was reset before a status came. */
export function errorOfReset(code: number): ServiceError {
  const status = resetStatus.get(code) ?? "internal";
  return unanswered(status, `the other side reset the call (HTTP/2 code ${code})`, "see the other side's log");
}

function unanswered(status: GrpcStatusName, message: string, fix: string): ServiceError {
  return new ServiceError(rpcCode(status), { status, meaning: "The call ended without a gRPC status.", fix }, message);
}
