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

/** Remembers the agent's version; written only when it differs. Errors: ERR_MALFORMED_REQUEST. */
export const postStatus = unaryRpc<PostStatusNeeds, { readonly agentVersion: string }, void>({
  method: "/spire.api.server.agent.v1.Agent/PostStatus",
  callers: ["agent"],
  rate: { class: "postStatus" },
  audit: { kind: "read" },
  handle: async ({ registry, store }, { agentVersion }, call) => {
    const { id } = callingAgent(call);
    const max = serverLimits.agentVersionCharacters.value;
    if (agentVersion.length > max) {
      throw commonErrors.error("ERR_MALFORMED_REQUEST", `agent version is longer than ${max} characters`);
    }
    if (registry.node(id)?.agentVersion === agentVersion) return;
    if (await store.setAgentVersion(id, agentVersion)) return;
    throw agentRefusal("ERR_AGENT_NOT_ATTESTED", "agentNotAttested", `agent ${id} is not attested`);
  },
});
