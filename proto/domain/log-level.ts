/** The levels a log has here, from most to least said. SPIRE's wire knows more of them (proto/convert/log-level.ts). */
export type LogLevelName = "debug" | "info" | "warn" | "error";

export interface LogLevels {
  readonly current: LogLevelName;
  /** The level the process was started with. */
  readonly launch: LogLevelName;
}
