import { decodeLogLevel, encodeLogger } from "../../../proto/convert/log-level.ts";
import { encodeSpiffeId } from "../../../proto/convert/spiffe-id.ts";
import type { GetInfoResponse } from "../../../proto/gen/spire/api/server/debug/v1/GetInfoResponse.ts";
import { debugService, loggerService } from "../../../proto/services.ts";
import { getInfo, type ServerInfo } from "../debug/get-info.ts";
import { getLogger } from "../logger/get-logger.ts";
import { resetLogLevel } from "../logger/reset-log-level.ts";
import { setLogLevel } from "../logger/set-log-level.ts";
import { type Registration, serveUnary } from "./registration.ts";

/** What administrators ask of the process itself. */
export function serveDebugService(to: Registration): void {
  serveUnary(to, debugService.GetInfo, getInfo, () => {}, encodeInfo);
}

export function serveLoggerService(to: Registration): void {
  serveUnary(to, loggerService.GetLogger, getLogger, () => {}, encodeLogger);
  serveUnary(
    to,
    loggerService.SetLogLevel,
    setLogLevel,
    ({ new_level }) => ({ level: decodeLogLevel(new_level, "new_level") }),
    encodeLogger,
  );
  serveUnary(to, loggerService.ResetLogLevel, resetLogLevel, () => {}, encodeLogger);
}

function encodeInfo({ chain, uptimeSeconds, agents, bundles, entries }: ServerInfo): GetInfoResponse {
  return {
    svid_chain: chain.map(({ id, expiresAt, subject }) => ({
      expires_at: expiresAt,
      subject,
      ...(id === undefined ? {} : { id: encodeSpiffeId(id) }),
    })),
    uptime: uptimeSeconds,
    agents_count: agents,
    federated_bundles_count: bundles,
    entries_count: entries,
  };
}
