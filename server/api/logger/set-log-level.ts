import type { LogLevelName, LogLevels } from "../../../proto/domain/log-level.ts";
import { unaryRpc } from "../rpc.ts";
import { type LoggerNeeds, levelsOf } from "./logger-levels.ts";

/** Until the process ends or the configuration is read again; nothing is stored. */
export const setLogLevel = unaryRpc<LoggerNeeds, { readonly level: LogLevelName }, LogLevels>({
  method: "/spire.api.server.logger.v1.Logger/SetLogLevel",
  callers: ["local"],
  audit: { kind: "change", fields: ({ level }) => ({ log_level: level }) },
  handle: async ({ log }, { level }) => {
    log.setLevel(level);
    return levelsOf(log);
  },
});
