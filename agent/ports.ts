/**
 * The border inside the agent: `identities/` (sync, cache, rotation) on one side, `workload-api/` and
 * `attestation/workload/` on the other. Workload API, SDS, Delegated and Broker are thin layers over `Identities`.
 */
import type { IssuedJwtSvid } from "../proto/domain/link.ts";
import type { Selector, SpiffeBundle, SpiffeId, TrustDomain } from "../spiffe/index.ts";
import type { ProcessHandle } from "../transport/index.ts";

export interface Identities {
  /** Watches what a workload with these selectors may have. Keys and SVIDs for it are kept fresh while it is open. */
  subscribe(selectors: readonly Selector[]): IdentitySubscription;
  /** Is there an entry on this agent with a selector of this type whose value starts with `prefix`? */
  wantsSelector(type: string, prefix: string): boolean;
  /**
   * Calls `listener` (synchronously, after the change is visible) whenever `wantsSelector` may answer differently:
   * callers are then attested anew, since a costly selector may be needed from now on. Returns the way to stop.
   */
  onInterestChange(listener: () => void): () => void;
  /**
   * A JWT-SVID for an identity of `subscription`'s current view; from the cache while more than half of its life is
   * left. Rejects `ERR_JWT_UNAVAILABLE` when the server cannot be asked and no valid one is cached.
   */
  jwtSvid(entryId: string, audience: readonly string[], signal: AbortSignal): Promise<IssuedJwtSvid>;
  /** For callers without identity when `allow_unauthenticated_verifiers` is on, and for JWT validation. */
  bundle(trustDomain: TrustDomain): SpiffeBundle | undefined;
  readonly trustDomain: TrustDomain;
}

export interface IdentitySubscription {
  /** The state now. Never waits. */
  readonly view: WorkloadView;
  /** Resolves with the newest view once it differs from `view` as of the call; conflates. Rejects with `signal.reason`. */
  changed(signal: AbortSignal): Promise<WorkloadView>;
  close(): void;
}

/** One consistent, immutable snapshot; shared by all watchers of the same selector set. */
export interface WorkloadView {
  /** Grows with each change; equal versions of one subscription are the same view. */
  readonly version: number;
  /** Servable now, ordered by (created_at, id); of several with one hint only the first keeps its place. */
  readonly identities: readonly WorkloadIdentity[];
  readonly ownBundle: SpiffeBundle;
  /** Of trust domains some identity's entry federates with, and whose bundle is known. */
  readonly federatedBundles: readonly SpiffeBundle[];
  /** Entries that match but have no servable SVID yet, and why. */
  readonly withheld: readonly WithheldIdentity[];
  /** The agent's entries are current: connected, and the last change set was applied. */
  readonly isCurrent: boolean;
}

export interface WorkloadIdentity {
  readonly entryId: string;
  readonly id: SpiffeId;
  readonly hint: string;
  /** Federated trust domains of this entry. */
  readonly federatesWith: readonly TrustDomain[];
  /** DER, leaf first, concatenated. */
  readonly chainDer: Uint8Array;
  /** PKCS#8 DER. */
  readonly keyDer: Uint8Array;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

export interface WithheldIdentity {
  readonly entryId: string;
  readonly id: SpiffeId;
  /** A code of `agent/errors.ts`. */
  readonly code: string;
}

/** Process handle → selectors. A failed attestor is part of the answer, never silently fewer selectors. */
export interface WorkloadAttestor {
  /** Selector type it makes, e.g. `unix`. */
  readonly name: string;
  /** At once where nothing has to be waited for: that is most calls, and waiting costs as much as finding out. */
  attest(
    caller: WorkloadCaller,
    wants: SelectorInterest,
    signal: AbortSignal,
  ): Promise<readonly Selector[]> | readonly Selector[];
}

export interface WorkloadCaller {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly process: ProcessHandle;
}

export interface SelectorInterest {
  wantsSelector(type: string, prefix: string): boolean;
}

/** What the Workload API tells and asks of the rest of the agent. */
export interface AgentState {
  readonly agentId: SpiffeId | undefined;
  /** Set while the agent itself has no identity, is banned, or is stopping. */
  readonly notReady: { readonly code: string; readonly message: string } | undefined;
}
