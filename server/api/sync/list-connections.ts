import type { AgentConnection, ConnectionTable } from "../../sync/index.ts";
import { unaryRpc } from "../rpc.ts";

export interface ListConnectionsNeeds {
  readonly connections: Pick<ConnectionTable, "list">;
}

/** Every attested agent with what this server knows of its stream. */
export const listConnections = unaryRpc<ListConnectionsNeeds, void, readonly AgentConnection[]>({
  method: "/countersign.server.sync.v1.Sync/ListConnections",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  handle: async ({ connections }) => connections.list(),
});
