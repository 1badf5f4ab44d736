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
}

export interface JoinToken {
  readonly value: string;
  /** Unix seconds. */
  readonly expiresAt: number;
}
