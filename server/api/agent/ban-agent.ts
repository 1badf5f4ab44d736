import type { SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import type { NodeStore } from "../../store/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { agentNotFound, checkAgentId } from "./agent-id.ts";

export interface BanAgentNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<NodeStore, "banNode">;
}

/** Both serial numbers are blanked; the row stays, so that the node cannot attest again. Errors: ERR_AGENT_ID, ERR_AGENT_NOT_FOUND. */
export const banAgent = unaryRpc<BanAgentNeeds, { readonly id: SpiffeId }, void>({
  method: "/spire.api.server.agent.v1.Agent/BanAgent",
  callers: ["local", "admin"],
  audit: { kind: "change", fields: ({ id }) => ({ agent_id: id.toString() }) },
  handle: async ({ trustDomain, store }, { id }) => {
    if (!(await store.banNode(checkAgentId(trustDomain, id)))) throw agentNotFound();
  },
});
