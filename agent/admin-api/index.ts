import { decodeLogLevel, encodeLogger } from "../../proto/convert/log-level.ts";
import type { LogLevelName } from "../../proto/domain/log-level.ts";
import { agentDebugService, agentLoggerService } from "../../proto/services.ts";
import type { RpcRouter } from "../../transport/index.ts";
import { type GetInfoDeps, getInfo } from "./get-info.ts";

/** The log of this process, as far as its level goes. */
export interface LevelledLog {
  readonly level: LogLevelName;
  /** The level it was started with. */
  readonly launchLevel: LogLevelName;
  setLevel(level: LogLevelName): void;
}

export interface AdminApiDeps extends GetInfoDeps {
  readonly log: LevelledLog;
}

/**
 * Puts SPIRE's agent Debug and Logger services on `router`. Whoever may open the admin socket may call them: its file
 * mode is what guards it.
 */
export function registerAdminApi(router: RpcRouter, deps: AdminApiDeps): void {
  const { log } = deps;
  const levels = () => encodeLogger({ current: log.level, launch: log.launchLevel });
  router.unary(agentDebugService.GetInfo, getInfo(deps));
  router.unary(agentLoggerService.GetLogger, async () => levels());
  router.unary(agentLoggerService.SetLogLevel, async ({ new_level }) => {
    log.setLevel(decodeLogLevel(new_level, "new_level"));
    return levels();
  });
  router.unary(agentLoggerService.ResetLogLevel, async () => {
    log.setLevel(log.launchLevel);
    return levels();
  });
}
