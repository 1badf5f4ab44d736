import { commonErrors } from "../../../transport/errors/common.ts";
import { agentRefusal } from "../../authorization/index.ts";
import { serverLimits } from "../../limits.ts";
import type { Registry } from "../../registry/ports.ts";
import type { NodeStore } from "../../store/ports.ts";
import { callingAgent } from "../calling-agent.ts";
import { unaryRpc } from "../rpc.ts";

export interface PostStatusNeeds {
  readonly registry: Pick<Registry, "node">;
  readonly store: Pick<NodeStore, "setAgentVersion">;
}

export interface AgentStatus {
  readonly agentVersion: string;
  /** Said on our sync stream. */
  readonly syncs?: boolean;
}

/** Remembers the agent's version; written only when it differs. Errors: ERR_MALFORMED_REQUEST. */
export const postStatus = unaryRpc<PostStatusNeeds, AgentStatus, void>({
  method: "/spire.api.server.agent.v1.Agent/PostStatus",
  callers: ["agent"],
  rate: { class: "postStatus" },
  audit: { kind: "read" },
  handle: async ({ registry, store }, { agentVersion, syncs = false }, call) => {
    const { id } = callingAgent(call);
    const max = serverLimits.agentVersionCharacters.value;
    if (agentVersion.length > max) {
      throw commonErrors.error("ERR_MALFORMED_REQUEST", `agent version is longer than ${max} characters`);
    }
    const known = registry.node(id);
    if (known?.agentVersion === agentVersion && (known.syncs || !syncs)) return;
    if (await store.setAgentVersion(id, agentVersion, syncs)) return;
    throw agentRefusal("ERR_AGENT_NOT_ATTESTED", "agentNotAttested", `agent ${id} is not attested`);
  },
});
