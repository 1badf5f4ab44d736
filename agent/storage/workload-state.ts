import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { SyncHello } from "../../proto/domain/link.ts";
import type { SpiffeBundle, SpiffeId } from "../../spiffe/index.ts";
import type { HeldSvid } from "../identities/held-svid.ts";

/** What lets a restarted agent serve its workloads before the server answers. */
export interface WorkloadState {
  readonly agentId: SpiffeId;
  readonly positions: SyncHello["held"];
  readonly entries: readonly RegistrationEntry[];
  readonly svids: readonly HeldSvid[];
  readonly foreignBundles: readonly SpiffeBundle[];
  readonly distrusted: { readonly x509: readonly string[]; readonly jwt: readonly string[] };
}

/** Holds workload keys, so an adapter must keep them in memory (tmpfs), or keep nothing. */
export interface WorkloadStore {
  /** `undefined` when there is nothing, or nothing for this agent. Expired SVIDs are left out. */
  load(agentId: SpiffeId, nowMs: number): Promise<WorkloadState | undefined>;
  save(state: WorkloadState): Promise<void>;
  wipe(): Promise<void>;
}
