import type { Selector } from "../../spiffe/index.ts";
import type { Consumable } from "../store/ports.ts";

/**
 * Decides which node an agent runs on. An asynchronous conversation: the attestor may challenge as often as it needs
 * (bounded by the caller of this port). Refusals are `ServiceError`s.
 */
export interface NodeAttestor {
  /** The name an agent asks for, e.g. `join_token`. */
  readonly name: string;
  attest(
    payload: Uint8Array,
    challenge: Challenge,
    signal: AbortSignal,
    context: AttestationContext,
  ): Promise<NodeAttestationResult>;
}

export interface AttestationContext {
  /** Where the agent's connection comes from; `undefined` = from this host, over a Unix socket. */
  readonly address: string | undefined;
}

/** Sends one challenge and resolves with the agent's answer. */
export type Challenge = (challenge: Uint8Array) => Promise<Uint8Array>;

export interface NodeAttestationResult {
  /** Below `/spire/agent`, e.g. `/join_token/6f1c…`. */
  readonly path: string;
  readonly selectors: readonly Selector[];
  /** The node may attest again by itself; otherwise only after an eviction. */
  readonly canReattest: boolean;
  /** Used up in the transaction that stores the node. */
  readonly consume?: Consumable;
}
