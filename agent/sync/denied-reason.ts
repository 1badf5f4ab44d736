import { type PermissionDeniedReason, ServiceError } from "../../transport/index.ts";

/** The server's verdict on the agent's identity, when that is why a call failed. */
export function deniedReason(error: unknown): PermissionDeniedReason | undefined {
  if (!(error instanceof ServiceError)) return undefined;
  for (const detail of error.details) if (detail.kind === "permission-denied") return detail.reason;
  return undefined;
}
