import type { Registry } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { matchesNode, type NodeFilter } from "./node-filter.ts";

export interface CountAgentsNeeds {
  readonly registry: Pick<Registry, "nodes">;
}

export const countAgents = unaryRpc<CountAgentsNeeds, { readonly filter: NodeFilter }, number>({
  method: "/spire.api.server.agent.v1.Agent/CountAgents",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  handle: async ({ registry }, { filter }) => {
    let count = 0;
    for (const node of registry.nodes()) if (matchesNode(node, filter)) count += 1;
    return count;
  },
});
