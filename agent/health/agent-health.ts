import type { NodeIdentity } from "../identity/node-identity.ts";
import type { AgentState } from "../ports.ts";

export interface AgentHealth {
  /** Workloads with an identity are served. True through an outage of the server, as long as the agent can serve. */
  readonly healthy: boolean;
  /** One word or sentence per part, safe to show. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface HealthInputs {
  readonly nowMs: number;
  readonly identity: NodeIdentity | undefined;
  readonly notReady: AgentState["notReady"];
  readonly isConnected: boolean;
  readonly isCurrent: boolean;
  readonly counts: { readonly entries: number; readonly x509Svids: number; readonly jwtSvids: number };
}

export function agentHealth(inputs: HealthInputs): AgentHealth {
  const { identity, notReady, counts } = inputs;
  const isExpired = identity !== undefined && identity.notAfterMs <= inputs.nowMs;
  const sync = inputs.isCurrent ? "current" : inputs.isConnected ? "catching up" : "not connected";
  return {
    healthy: notReady === undefined && !isExpired,
    parts: {
      status: notReady === undefined ? "ready" : notReady.code,
      identity: identity === undefined ? "none" : isExpired ? "expired" : "valid",
      sync,
      entries: String(counts.entries),
      x509_svids: String(counts.x509Svids),
      jwt_svids: String(counts.jwtSvids),
    },
  };
}
