import type { SpiffeBundle } from "../../spiffe/index.ts";
import type { NodeIdentity } from "./node-identity.ts";

export interface NodeState {
  readonly active: NodeIdentity;
  /** The identity before, kept until the server has accepted the active one. */
  readonly previous: NodeIdentity | undefined;
  /** SHA-256 of the proof that the node attested with (hex), so that a spent token is not tried again. */
  readonly proofDigest: string;
}

/** What the agent must find again after a restart. Each write is durable and whole when it resolves. */
export interface NodeStore {
  loadState(): Promise<NodeState | undefined>;
  saveState(state: NodeState): Promise<void>;
  eraseState(): Promise<void>;
  loadBundle(): Promise<SpiffeBundle | undefined>;
  saveBundle(bundle: SpiffeBundle): Promise<void>;
}
