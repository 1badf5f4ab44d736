import type { ServiceError } from "../../transport/index.ts";
import { agentErrors } from "../errors.ts";
import type { AgentState, WorkloadView } from "../ports.ts";
import { workloadApiErrors } from "./errors.ts";

/** Why a caller gets nothing from this view. Never says which selectors it has or lacks: that is for admins. */
export function refusalOf(view: WorkloadView, state: AgentState): ServiceError {
  // Bad news needs proof: an agent that may not serve does not know that an entry is gone.
  if (state.notReady !== undefined) return agentNotReady(state.notReady);
  const [withheld] = view.withheld;
  if (withheld === undefined) return workloadApiErrors.error("ERR_NO_IDENTITY", "no identity issued");
  return workloadApiErrors.error("ERR_IDENTITY_WITHHELD", "an identity is registered but not available yet", {
    details: [{ kind: "error-info", metadata: { withheld_code: withheld.code } }],
  });
}

export function agentNotReady(reason: NonNullable<AgentState["notReady"]>): ServiceError {
  return agentErrors.error("ERR_AGENT_NOT_READY", reason.message, {
    details: [{ kind: "error-info", metadata: { agent_state: reason.code } }],
  });
}
