import type { AttestedNode } from "../../../proto/domain/agent.ts";
import { SpiffeId, type TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import type { Registry } from "../../registry/ports.ts";
import type { NodeStore } from "../../store/ports.ts";

const agentPathPrefix = "/spire/agent/";

/** @throws ERR_AGENT_ID when `id` is not below /spire/agent of `trustDomain`. */
export function checkAgentId(trustDomain: TrustDomain, id: SpiffeId): SpiffeId {
  if (!id.isMemberOf(trustDomain)) {
    throw serverErrors.error("ERR_AGENT_ID", `invalid agent ID: ${id} is not a member of trust domain ${trustDomain}`);
  }
  if (!id.path.startsWith(agentPathPrefix)) {
    throw serverErrors.error("ERR_AGENT_ID", `invalid agent ID: ${id} is not in the agent namespace`);
  }
  return id;
}

/** The id of the agent whose attestor named `path` (below /spire/agent). Throws ERR_ATTESTOR_RESULT. */
export function agentIdOf(trustDomain: TrustDomain, path: string): SpiffeId {
  try {
    return SpiffeId.of(trustDomain, `/spire/agent${path}`);
  } catch (error) {
    throw serverErrors.error("ERR_ATTESTOR_RESULT", "the node attestor named an impossible agent path", {
      cause: error,
    });
  }
}

export interface NodeLookup {
  readonly registry: Pick<Registry, "node">;
  readonly store: Pick<NodeStore, "findNode">;
}

/** From memory, and from the store before it is called unknown. Throws ERR_AGENT_NOT_FOUND. */
export async function knownNode(needs: NodeLookup, id: SpiffeId): Promise<AttestedNode> {
  const node = needs.registry.node(id) ?? (await needs.store.findNode(id));
  if (node === undefined) throw agentNotFound();
  return node;
}

export function agentNotFound() {
  return serverErrors.error("ERR_AGENT_NOT_FOUND", "agent not found");
}
