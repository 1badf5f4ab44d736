import type { Clock, Logger, Metrics } from "../../runtime/core/index.ts";
import type { Selector } from "../../spiffe/index.ts";
import type { AgentState, Identities, WorkloadCaller } from "../ports.ts";
import type { WorkloadApiConfig } from "./config.ts";

/** Who is calling, as selectors; `WorkloadAttestation` is one. Returns the same array while nothing changed. */
export interface CallerAttestation {
  attest(caller: WorkloadCaller, signal: AbortSignal): Promise<readonly Selector[]> | readonly Selector[];
  /** Asked after entries changed: is there reason to attest open callers again? */
  interestChanged(): boolean;
}

export interface WorkloadApiDeps {
  readonly identities: Identities;
  readonly attestation: CallerAttestation;
  readonly state: () => AgentState;
  readonly clock: Clock;
  readonly config: WorkloadApiConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
