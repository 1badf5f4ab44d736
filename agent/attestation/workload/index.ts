export { workloadAttestationErrors } from "./errors.ts";
export { UnixAttestor, type UnixAttestorOptions } from "./unix/unix-attestor.ts";
export { WorkloadAttestation, type WorkloadAttestationDeps } from "./workload-attestation.ts";
