import type { SyncAck, SyncHello, SyncStatus } from "../../../proto/domain/link.ts";
import { serverLimits } from "../../limits.ts";
import { AgentSession, type SyncDeps, type SyncSink } from "../../sync/index.ts";
import { type PostStatusNeeds, postStatus } from "../agent/post-status.ts";
import { callingAgent } from "../calling-agent.ts";
import type { Call, RpcDeclaration } from "../rpc.ts";

export interface OpenSyncNeeds extends PostStatusNeeds {
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
  audit: {
    kind: "read",
    usualEnds: ["ERR_SYNC_REPLACED"],
    fields: ({ agentVersion }) => ({ agent_version: agentVersion.slice(0, 255) }),
  },
  isStream: true,
  handle: async (needs, hello, call, inbound, send) => {
    const session = new AgentSession(callingAgent(call).id, needs.sync);
    const agentVersion = hello.agentVersion.slice(0, serverLimits.agentVersionCharacters.value);
    await postStatus.handle(needs, { agentVersion, syncs: true }, call);
    await session.run(hello, inbound, send, call.signal);
  },
};
