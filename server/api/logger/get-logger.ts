import type { LogLevels } from "../../../proto/domain/log-level.ts";
import { unaryRpc } from "../rpc.ts";
import { type LoggerNeeds, levelsOf } from "./logger-levels.ts";

export const getLogger = unaryRpc<LoggerNeeds, void, LogLevels>({
  method: "/spire.api.server.logger.v1.Logger/GetLogger",
  callers: ["local"],
  audit: { kind: "read" },
  handle: async ({ log }) => levelsOf(log),
});
