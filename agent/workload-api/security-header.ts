import type { Interceptor } from "../../transport/index.ts";
import { workloadApiErrors } from "./errors.ts";

const workloadApi = "/SpiffeWorkloadAPI/";
const header = "workload.spiffe.io";

/**
 * WEP-09, WEP-10, WEP-24: exactly one value, exactly `true`, on every RPC of the Workload API, served or not; before
 * anything is found out about the caller. It keeps a browser or a proxied request from being taken for a workload's.
 * Other services on the socket (health, reflection) reveal nothing about any workload, and are called by tools that
 * do not send it: who finds out by reflection what is served (WEP-35) cannot know the header yet. SPIRE does the same.
 */
export const requireSecurityHeader: Interceptor = async ({ context }, next) => {
  if (context.method.startsWith(workloadApi)) {
    const values = context.metadata(header);
    if (values.length !== 1 || values[0] !== "true") {
      throw workloadApiErrors.error("ERR_SECURITY_HEADER", "security header missing from request");
    }
  }
  await next();
};
