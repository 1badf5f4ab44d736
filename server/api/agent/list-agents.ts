import type { AttestedNode } from "../../../proto/domain/agent.ts";
import { SpiffeId } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import { serverLimits } from "../../limits.ts";
import type { Registry } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { matchesNode, type NodeFilter } from "./node-filter.ts";

export interface ListAgentsNeeds {
  readonly registry: Pick<Registry, "nodes">;
}

export interface ListAgentsRequest {
  readonly filter: NodeFilter;
  /** 0 = everything. */
  readonly pageSize: number;
  /** "" = from the start. */
  readonly pageToken: string;
}

export interface ListAgentsResponse {
  readonly agents: readonly AttestedNode[];
  /** "" at the end. */
  readonly nextPageToken: string;
}

/** In the order of the ids, so that a page token stays good whatever comes and goes. Errors: ERR_PAGE_TOKEN. */
export const listAgents = unaryRpc<ListAgentsNeeds, ListAgentsRequest, ListAgentsResponse>({
  method: "/spire.api.server.agent.v1.Agent/ListAgents",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  mask: "agent",
  handle: async ({ registry }, { filter, pageSize, pageToken }) => {
    const after = pageToken === "" ? "" : readPageToken(pageToken);
    const matching = Array.from(registry.nodes(), (node) => ({ key: node.id.toString(), node }))
      .filter(({ key, node }) => key > after && matchesNode(node, filter))
      .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
    const page = pageSize === 0 ? matching : matching.slice(0, pageSize);
    const last = page.length < matching.length ? page.at(-1)?.key : undefined;
    return {
      agents: page.map(({ node }) => node),
      nextPageToken: last === undefined ? "" : Buffer.from(last).toString("base64url"),
    };
  },
});

function readPageToken(token: string): string {
  if (token.length <= serverLimits.pageTokenCharacters.value * 4) {
    const text = Buffer.from(token, "base64url").toString("utf8");
    try {
      return SpiffeId.parse(text).toString();
    } catch {
      // Falls through: whatever it is, it is no token of this list.
    }
  }
  throw serverErrors.error("ERR_PAGE_TOKEN", "page token is not one of this list");
}
