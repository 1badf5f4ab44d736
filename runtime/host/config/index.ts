export { loadProgramSettings } from "./load-program.ts";
export { ConfigError, type ConfigProblem, describeProblem } from "./problems.ts";
export {
  environmentName,
  loadSettings,
  type Setting,
  type SettingSources,
  type SettingsTable,
  type SettingValues,
  setting,
} from "./settings.ts";
export { openSettingsFile, type SettingsFile } from "./settings-file.ts";
export { unknownKey } from "./unknown-key.ts";
export { durationMs, flag, integer, oneOf, parseDurationMs, parsed, port, socketPath, text } from "./value-types.ts";
