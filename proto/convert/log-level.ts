import type { LogLevelName, LogLevels } from "../domain/log-level.ts";
import type { Logger } from "../gen/spire/api/types/Logger.ts";
import { LogLevel, type LogLevel__Output } from "../gen/spire/api/types/LogLevel.ts";
import { decodeWith } from "./problems.ts";

const wireLevels = {
  debug: LogLevel.DEBUG,
  info: LogLevel.INFO,
  warn: LogLevel.WARN,
  error: LogLevel.ERROR,
} as const satisfies Readonly<Record<LogLevelName, LogLevel>>;

/** What is more than debug is debug, what is less than errors is errors: the answer says which level came of it. */
const domainLevels: ReadonlyMap<LogLevel__Output, LogLevelName> = new Map([
  [LogLevel.PANIC, "error"],
  [LogLevel.FATAL, "error"],
  [LogLevel.ERROR, "error"],
  [LogLevel.WARN, "warn"],
  [LogLevel.INFO, "info"],
  [LogLevel.DEBUG, "debug"],
  [LogLevel.TRACE, "debug"],
]);

export function encodeLogger({ current, launch }: LogLevels): Logger {
  return { current_level: wireLevels[current], launch_level: wireLevels[launch] };
}

/** Throws ERR_MALFORMED_REQUEST for UNSPECIFIED and for numbers that are no level. */
export function decodeLogLevel(wire: LogLevel__Output, field: string): LogLevelName {
  return decodeWith((problems) => {
    const level = domainLevels.get(wire);
    if (level === undefined) {
      problems.add(field, wire === LogLevel.UNSPECIFIED ? "must not be UNSPECIFIED" : "is not a log level");
    }
    return level;
  });
}
