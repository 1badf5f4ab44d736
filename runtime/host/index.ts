export {
  ConfigError,
  type ConfigProblem,
  describeProblem,
  durationMs,
  environmentName,
  flag,
  integer,
  loadProgramSettings,
  loadSettings,
  oneOf,
  openSettingsFile,
  parseDurationMs,
  parsed,
  port,
  type Setting,
  type SettingSources,
  type SettingsFile,
  type SettingsTable,
  type SettingValues,
  setting,
  socketPath,
  text,
  unknownKey,
} from "./config/index.ts";
export { daemonExitCodes, feedWatchdog, reportDaemonFailure, reportDaemonStopped } from "./daemon.ts";
export { type StallMonitor, watchEventLoop } from "./event-loop.ts";
export { createLogger, type HostLogger, type HostLoggerOptions, type LogLevel, logLevels } from "./logger.ts";
export { createMetrics, type HostMetrics, unexposedMetrics } from "./metrics.ts";
export { readRegularFile } from "./read-file.ts";
export { handleSignals, type SignalHandlers } from "./signals.ts";
export { type HealthReport, listenStatus, type StatusListener, type StatusListenerOptions } from "./status-listener.ts";
export { type PassedSocket, passedSockets, type ServiceNotifier, serviceNotifier } from "./systemd.ts";
