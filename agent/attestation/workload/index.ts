export { workloadAttestationErrors } from "./errors.ts";
export { UnixAttestor } from "./unix/unix-attestor.ts";
export { WorkloadAttestation } from "./workload-attestation.ts";
