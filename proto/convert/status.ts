import { grpcStatus } from "../../transport/errors/service-error.ts";
import type { Status, Status__Output } from "../gen/spire/api/types/Status.ts";

/** Of a batch item that succeeded. It is never left out: a SPIRE agent reads it unseen. */
export const okStatus: Status = Object.freeze({ code: grpcStatus.ok, message: "OK" });

/** `undefined`: the item succeeded (SPIRE leaves the status out at times). */
export function decodeStatus(
  wire: Status__Output | null,
): { readonly code: number; readonly message: string } | undefined {
  return wire === null || wire.code === grpcStatus.ok ? undefined : { code: wire.code, message: wire.message };
}
