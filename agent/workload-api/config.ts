import { agentLimits } from "../limits.ts";

export interface WorkloadApiConfig {
  /** How long a caller without a match waits while the agent's entries are current, milliseconds; 0 = refuse at once. */
  readonly holdCurrentMs: number;
  /** The same while they are not. */
  readonly holdBehindMs: number;
  readonly heldCallersPerUid: number;
  readonly heldCallers: number;
  /** Callers without identity get the own trust domain's bundles. */
  readonly allowUnauthenticatedVerifiers: boolean;
  /** Claims of foreign tokens that ValidateJWTSVID passes on besides sub, exp and aud. */
  readonly allowedForeignJwtClaims: readonly string[];
}

export const defaultWorkloadApiConfig: WorkloadApiConfig = {
  holdCurrentMs: agentLimits.holdCurrentMs.value,
  holdBehindMs: agentLimits.holdBehindMs.value,
  heldCallersPerUid: agentLimits.heldCallersPerUid.value,
  heldCallers: agentLimits.heldCallers.value,
  allowUnauthenticatedVerifiers: false,
  allowedForeignJwtClaims: [],
};
