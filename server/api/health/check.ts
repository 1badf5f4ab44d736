import { commonErrors } from "../../../transport/errors/common.ts";
import type { HealthProbe } from "../../health.ts";
import { unaryRpc } from "../rpc.ts";

export interface CheckNeeds {
  readonly health: HealthProbe;
}

/** True = SERVING. Errors: ERR_MALFORMED_REQUEST for any named service. */
export const checkHealth = unaryRpc<CheckNeeds, { readonly service: string }, boolean>({
  method: "/grpc.health.v1.Health/Check",
  callers: ["local"],
  audit: { kind: "read" },
  handle: async ({ health }, { service }) => {
    if (service !== "") throw commonErrors.error("ERR_MALFORMED_REQUEST", "per-service health is not supported");
    return (await health.check()).healthy;
  },
});
