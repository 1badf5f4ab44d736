import type { SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import type { NodeStore } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { agentNotFound, checkAgentId } from "./agent-id.ts";

export interface DeleteAgentNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<NodeStore, "deleteNode">;
}

/** Evicts: the node may attest again, also after a ban. Errors: ERR_AGENT_ID, ERR_AGENT_NOT_FOUND. */
export const deleteAgent = unaryRpc<DeleteAgentNeeds, { readonly id: SpiffeId }, void>({
  method: "/spire.api.server.agent.v1.Agent/DeleteAgent",
  callers: ["local", "admin"],
  audit: { kind: "change", fields: ({ id }) => ({ agent_id: id.toString() }) },
  handle: async ({ trustDomain, store }, { id }) => {
    if (!(await store.deleteNode(checkAgentId(trustDomain, id)))) throw agentNotFound();
  },
});
