import type { AgentFilter } from "../../domain/agent-filter.ts";
import type { Listings } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface CountAgentsNeeds {
  readonly listings: Pick<Listings, "countAgents">;
}

export const countAgents = unaryRpc<CountAgentsNeeds, { readonly filter: AgentFilter }, number>({
  method: "/spire.api.server.agent.v1.Agent/CountAgents",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  handle: async ({ listings }, { filter }) => listings.countAgents(filter),
});
