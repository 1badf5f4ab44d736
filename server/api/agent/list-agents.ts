import type { AttestedNode } from "../../../proto/domain/agent.ts";
import type { AgentFilter } from "../../domain/agent-filter.ts";
import type { Listings, Page, PageRequest } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface ListAgentsNeeds {
  readonly listings: Pick<Listings, "listAgents">;
}

export interface ListAgentsRequest {
  readonly filter: AgentFilter;
  readonly page: PageRequest;
}

/** In the order of the ids. Errors: ERR_PAGE_TOKEN. */
export const listAgents = unaryRpc<ListAgentsNeeds, ListAgentsRequest, Page<AttestedNode>>({
  method: "/spire.api.server.agent.v1.Agent/ListAgents",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  mask: "agent",
  handle: async ({ listings }, { filter, page }) => listings.listAgents(filter, page),
});
