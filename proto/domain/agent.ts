import type { Selector, SpiffeId } from "../../spiffe/index.ts";

/** What the server knows of a node that attested (wire type: Agent). Immutable. */
export interface AttestedNode {
  readonly id: SpiffeId;
  readonly attestationType: string;
  readonly selectors: readonly Selector[];
  /** Decimal serial number of the current agent SVID; "" when banned. */
  readonly serialNumber: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** Issued by a renewal, not yet seen in use; "" when none. */
  readonly pendingSerialNumber: string;
  /** Unix seconds; 0 when none. */
  readonly pendingExpiresAt: number;
  readonly banned: boolean;
  readonly canReattest: boolean;
  readonly agentVersion: string;
  /** Trust anchor (lower-case hex subject key id) above the SVID that was last new in use; "" when unknown. */
  readonly authorityId: string;
  /** Unix seconds: when that SVID was first seen; 0 when unknown. */
  readonly seenAt: number;
  /** Has been on our sync stream at least once: it can say what its workloads hold. */
  readonly syncs: boolean;
}

export interface JoinToken {
  readonly value: string;
  /** Unix seconds. */
  readonly expiresAt: number;
}
