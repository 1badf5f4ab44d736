import { agentLimits } from "../limits.ts";
import { workloadApiErrors } from "./errors.ts";

/** @throws ServiceError ERR_AUDIENCE_REQUIRED, ERR_AUDIENCE_TOO_LARGE */
export function requireAudiences(audiences: readonly string[]): void {
  // An empty string would be an audience that says nothing: proto3 cannot tell it from a field left out (WAPI-18).
  if (audiences.length === 0 || audiences.includes("")) {
    throw workloadApiErrors.error("ERR_AUDIENCE_REQUIRED", "audience must be specified");
  }
  const { audiences: most, audienceBytes: longest } = agentLimits;
  if (audiences.length > most.value) {
    throw workloadApiErrors.error("ERR_AUDIENCE_TOO_LARGE", `at most ${most.value} audiences are accepted`);
  }
  if (audiences.some((audience) => Buffer.byteLength(audience) > longest.value)) {
    throw workloadApiErrors.error("ERR_AUDIENCE_TOO_LARGE", `an audience has at most ${longest.value} bytes`);
  }
}
