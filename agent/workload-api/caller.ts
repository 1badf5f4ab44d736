import type { Peer } from "../../transport/index.ts";
import { workloadAttestationErrors } from "../attestation/workload/index.ts";
import type { WorkloadCaller } from "../ports.ts";

/** @throws ServiceError ERR_CALLER_UNKNOWN: not over a Unix socket, or outside the agent's PID namespace (pid 0, uid 0!) */
export function callerOf(peer: Peer): WorkloadCaller {
  if (peer.kind !== "unix" || peer.pid <= 0) {
    throw workloadAttestationErrors.error("ERR_CALLER_UNKNOWN", "the calling process is not one the agent can see");
  }
  const { pid, uid, gid, groups, process } = peer;
  return { pid, uid, gid, groups, process };
}
