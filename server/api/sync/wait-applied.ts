import { commonErrors } from "../../../transport/errors/common.ts";
import { serverLimits } from "../../limits.ts";
import { type AgentDelivery, type WaitAppliedDeps, waitApplied as wait } from "../../sync/index.ts";
import { unaryRpc } from "../rpc.ts";

export interface WaitAppliedNeeds {
  readonly waiting: WaitAppliedDeps;
}

export interface WaitAppliedRequest {
  readonly entryIds: readonly string[];
  /** 0 = 10 s. */
  readonly timeoutMs: number;
}

const usualWaitMs = 10_000;

/** Errors: ERR_MALFORMED_REQUEST. Running out of time is an answer, not an error. */
export const waitApplied = unaryRpc<WaitAppliedNeeds, WaitAppliedRequest, readonly AgentDelivery[]>({
  method: "/countersign.server.sync.v1.Sync/WaitApplied",
  callers: ["local", "admin"],
  audit: { kind: "read" },
  handle: async ({ waiting }, { entryIds, timeoutMs }, call) => {
    const max = serverLimits.waitAppliedEntries.value;
    if (entryIds.length === 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", "missing entry IDs");
    if (entryIds.length > max) throw commonErrors.error("ERR_MALFORMED_REQUEST", `more than ${max} entry IDs`);
    return wait(waiting, entryIds, timeoutMs === 0 ? usualWaitMs : timeoutMs, call.signal);
  },
});
