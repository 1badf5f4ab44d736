import type { AttestedNode } from "../../../proto/domain/agent.ts";
import type { SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import { unaryRpc } from "../rpc.ts";
import { checkAgentId, knownNode, type NodeLookup } from "./agent-id.ts";

export interface GetAgentNeeds extends NodeLookup {
  readonly trustDomain: TrustDomain;
}

/** Errors: ERR_AGENT_ID, ERR_AGENT_NOT_FOUND. */
export const getAgent = unaryRpc<GetAgentNeeds, { readonly id: SpiffeId }, AttestedNode>({
  method: "/spire.api.server.agent.v1.Agent/GetAgent",
  callers: ["local", "admin"],
  audit: { kind: "read", fields: ({ id }) => ({ agent_id: id.toString() }) },
  mask: "agent",
  handle: (needs, { id }) => knownNode(needs, checkAgentId(needs.trustDomain, id)),
});
