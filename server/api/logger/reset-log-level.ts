import type { LogLevels } from "../../../proto/domain/log-level.ts";
import { unaryRpc } from "../rpc.ts";
import { type LoggerNeeds, levelsOf } from "./logger-levels.ts";

/** Back to the level that the process was started with. */
export const resetLogLevel = unaryRpc<LoggerNeeds, void, LogLevels>({
  method: "/spire.api.server.logger.v1.Logger/ResetLogLevel",
  callers: ["local"],
  audit: { kind: "change", result: ({ current }) => ({ log_level: current }) },
  handle: async ({ log }) => {
    log.setLevel(log.launchLevel);
    return levelsOf(log);
  },
});
