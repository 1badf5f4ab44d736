import type { IssuedX509Svid } from "../../../proto/domain/link.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { type AgentStanding, agentRefusal } from "../../authorization/index.ts";
import { errorByCode } from "../../error-by-code.ts";
import type { Issuance } from "../../issuance/ports.ts";
import type { NodeStore } from "../../store/ports.ts";
import { callingAgent } from "../calling-agent.ts";
import { unaryRpc } from "../rpc.ts";
import { knownNode, type NodeLookup } from "./agent-id.ts";

export interface RenewAgentNeeds extends NodeLookup {
  readonly store: Pick<NodeStore, "findNode" | "setPendingSerial">;
  readonly issuance: Pick<Issuance, "issueX509Svids">;
  readonly standing: AgentStanding;
  readonly agentTtl: number;
  readonly clock: Clock;
}

/**
 * In two phases: the new serial number is pending until the agent first uses it, so that a lost answer does not lock the
 * agent out. Errors: ERR_MALFORMED_REQUEST, ERR_CSR_…, ERR_AGENT_MUST_REATTEST, those of the agent's standing.
 */
export const renewAgent = unaryRpc<RenewAgentNeeds, { readonly csrDer: Uint8Array }, IssuedX509Svid>({
  method: "/spire.api.server.agent.v1.Agent/RenewAgent",
  callers: ["agent"],
  rate: { class: "x509", weight: () => 1 },
  audit: {
    kind: "issuance",
    result: (svid) => ({ agent_id: svid.id.toString(), expires_at: svid.expiresAt }),
    issued: () => ({ kind: "agent", count: 1 }),
  },
  handle: async (needs, { csrDer }, call) => {
    const caller = callingAgent(call);
    if (csrDer.length === 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", "missing CSR");
    const node = await knownNode(needs, caller.id);
    if (node.canReattest) {
      throw agentRefusal("ERR_AGENT_MUST_REATTEST", "agentMustReattest", "agent must reattest instead of renew");
    }
    const [outcome] = await needs.issuance.issueX509Svids([
      { id: caller.id, csrDer, dnsNames: [], ttl: needs.agentTtl, notAfterCap: 0, hint: "", profile: "agent" },
    ]);
    if (outcome === undefined) throw commonErrors.error("ERR_INTERNAL", "issuance gave no outcome");
    if (outcome.kind === "refused") throw errorByCode(outcome.code, outcome.message);
    const { svid, serialNumber } = outcome;
    const { id, serialNumber: usedSerial, authorityId } = caller;
    const use = { authorityId, seenAt: Math.floor(needs.clock.now() / 1000) };
    if (!(await needs.store.setPendingSerial(id, usedSerial, serialNumber, svid.expiresAt, use))) {
      // Between letting the call in and now the node was banned, evicted or renewed by somebody else.
      const refusal = await needs.standing.refusal(caller);
      throw refusal ?? agentRefusal("ERR_AGENT_NOT_ACTIVE", "agentNotActive", "another renewal came first");
    }
    return svid;
  },
});
