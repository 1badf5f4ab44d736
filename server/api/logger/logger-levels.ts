import type { LogLevelName, LogLevels } from "../../../proto/domain/log-level.ts";

/** The log of this process, as far as its level goes. */
export interface LevelledLog {
  readonly level: LogLevelName;
  readonly launchLevel: LogLevelName;
  setLevel(level: LogLevelName): void;
}

export interface LoggerNeeds {
  readonly log: LevelledLog;
}

export function levelsOf({ level, launchLevel }: LevelledLog): LogLevels {
  return { current: level, launch: launchLevel };
}
