import type { SyncAck, SyncHello, SyncStatus } from "../../../proto/domain/link.ts";
import { AgentSession, type SyncDeps, type SyncSink } from "../../sync/index.ts";
import { callingAgent } from "../calling-agent.ts";
import type { Call, RpcDeclaration } from "../rpc.ts";

export interface OpenSyncNeeds {
  readonly sync: SyncDeps;
}

/**
 * The push stream of one agent. Ends when the agent ends it, when a newer stream of the same agent takes over
 * (ERR_SYNC_REPLACED), or with the refusal when the agent loses its standing.
 */
export const openSync: RpcDeclaration<SyncHello, void> & {
  handle(
    needs: OpenSyncNeeds,
    hello: SyncHello,
    call: Call,
    inbound: AsyncIterable<SyncAck | SyncStatus>,
    send: SyncSink,
  ): Promise<void>;
} = {
  method: "/countersign.server.sync.v1.Sync/Open",
  callers: ["agent"],
  rate: { class: "sync" },
  audit: { kind: "read", fields: ({ agentVersion }) => ({ agent_version: agentVersion.slice(0, 255) }) },
  isStream: true,
  handle: ({ sync }, hello, call, inbound, send) =>
    new AgentSession(callingAgent(call).id, sync).run(hello, inbound, send, call.signal),
};
