import type { ConfigProblem, LogLevel, SettingValues } from "../../../runtime/host/index.ts";
import type { SpiffeId } from "../../../spiffe/index.ts";
import { splitArguments } from "./command-line.ts";
import type { filesSettings } from "./settings.ts";

export interface JwtFile {
  /** Sorted; none empty. */
  readonly audience: readonly string[];
  readonly fileName: string;
}

/** What `agent write-files` is to do. File names are relative to `folder`. */
export interface FilesConfig {
  readonly endpoint: string | undefined;
  readonly folder: string;
  readonly layout: "swap" | "files";
  readonly chainFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly combinedFile: string | undefined;
  readonly bundleFile: string | undefined;
  readonly bundlesFolder: string | undefined;
  readonly jwtFiles: readonly JwtFile[];
  readonly jwtBundleFile: string | undefined;
  readonly includesFederated: boolean;
  readonly omitsExpired: boolean;
  readonly intermediatesInBundle: boolean;
  readonly modes: { readonly cert: number; readonly key: number; readonly jwtBundle: number; readonly jwtSvid: number };
  readonly hint: string | undefined;
  readonly spiffeId: SpiffeId | undefined;
  readonly removesExpired: boolean;
  readonly isOnce: boolean;
  readonly timeoutMs: number;
  readonly command: { readonly program: string; readonly args: readonly string[] } | undefined;
  readonly renewSignal: NodeJS.Signals | undefined;
  readonly pidFile: string | undefined;
  readonly notifyUrl: URL | undefined;
  readonly notifyTimeoutMs: number;
  readonly notifyOn: "x509" | "any";
  readonly health: HealthConfig | undefined;
  readonly logLevel: LogLevel;
}

export interface HealthConfig {
  /** `undefined`: every address. */
  readonly host: string | undefined;
  readonly port: number;
  readonly livePath: string;
  readonly readyPath: string;
}

export type FilesValues = SettingValues<typeof filesSettings>;

/** Words after `--` on the command line, and `--jwt`; they have no text form in the table. */
export interface ExtraFlags {
  readonly command: readonly string[];
  readonly jwtFiles: readonly JwtFile[];
}

export function toFilesConfig(values: FilesValues, extra: ExtraFlags): FilesConfig {
  const names = namesOf(values, extra);
  const jwtFiles = [
    ...values.jwt_svids.map((one) => ({
      audience: [one.jwt_audience, ...(one.jwt_extra_audiences ?? [])],
      fileName: one.jwt_svid_file_name,
    })),
    ...extra.jwtFiles,
  ];
  const writesX509 = Object.values(names).some((name) => name !== undefined);
  return {
    ...names,
    endpoint: values.agent_address,
    folder: values.cert_dir,
    layout: values.layout,
    jwtFiles,
    jwtBundleFile: values.jwt_bundle_file_name,
    includesFederated: values.include_federated_domains,
    omitsExpired: values.omit_expired,
    intermediatesInBundle: values.add_intermediates_to_bundle,
    modes: {
      cert: values.cert_file_mode,
      key: values.key_file_mode,
      jwtBundle: values.jwt_bundle_file_mode,
      jwtSvid: values.jwt_svid_file_mode,
    },
    hint: values.hint,
    spiffeId: values.spiffe_id,
    removesExpired: values.remove_expired,
    isOnce: !values.daemon_mode,
    timeoutMs: values.timeout,
    command: commandOf(values, extra),
    renewSignal: values.renew_signal,
    pidFile: values.pid_file_name,
    notifyUrl: values.notify_url,
    notifyTimeoutMs: values.notify_timeout,
    notifyOn: values.notify_on ?? (writesX509 ? "x509" : "any"),
    health: healthOf(values),
    logLevel: values.log_level,
  };
}

type X509Names = Pick<FilesConfig, "chainFile" | "keyFile" | "combinedFile" | "bundleFile" | "bundlesFolder">;

function namesOf(values: FilesValues, extra: ExtraFlags): X509Names {
  const names = {
    chainFile: values.svid_file_name,
    keyFile: values.svid_key_file_name,
    combinedFile: values.svid_combined_file_name,
    bundleFile: values.svid_bundle_file_name,
    bundlesFolder: values.bundles_dir_name,
  };
  if (!namesNothing(values, extra)) return names;
  return { ...names, chainFile: "svid.pem", keyFile: "svid_key.pem", bundleFile: "svid_bundle.pem" };
}

function namesNothing(values: FilesValues, extra: ExtraFlags): boolean {
  const jwt = values.jwt_svids.length + extra.jwtFiles.length;
  return jwt === 0 && namedFiles(values, extra).length === 0;
}

function commandOf(values: FilesValues, { command: [program, ...args] }: ExtraFlags): FilesConfig["command"] {
  if (program !== undefined) return { program, args };
  if (values.cmd === undefined) return undefined;
  const given = values.cmd_args;
  return { program: values.cmd, args: typeof given === "string" ? splitArguments(given) : given };
}

function healthOf(values: FilesValues): HealthConfig | undefined {
  if (!values["health_checks.listener_enabled"] || !values.daemon_mode) return undefined;
  const host = values["health_checks.bind_address"] ?? "localhost";
  return {
    host: host === "*" ? undefined : host,
    port: values["health_checks.bind_port"],
    livePath: values["health_checks.liveness_path"],
    readyPath: values["health_checks.readiness_path"],
  };
}

function namedFiles(values: FilesValues, extra: ExtraFlags): readonly string[] {
  return [
    values.svid_file_name,
    values.svid_key_file_name,
    values.svid_combined_file_name,
    values.svid_bundle_file_name,
    values.bundles_dir_name,
    values.jwt_bundle_file_name,
    ...values.jwt_svids.map((one) => one.jwt_svid_file_name),
    ...extra.jwtFiles.map(({ fileName }) => fileName),
  ].filter((name) => name !== undefined);
}

/** What no setting by itself can tell. */
export function problemsBetween(values: FilesValues, extra: ExtraFlags, isHelper: boolean): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (key: string, message: string): void => void problems.push({ where: "", key, message });
  const names = namedFiles(values, extra);
  for (const [index, name] of names.entries()) {
    const other = names.find((one, at) => at !== index && (one === name || one.startsWith(`${name}/`)));
    if (other !== undefined && names.indexOf(other) >= index) add("", `two files would be ${other}`);
  }
  if (isHelper && namesNothing(values, extra)) add("", "no file is named: nothing would be written");
  if (!values.daemon_mode && values.pid_file_name !== undefined)
    add("pid_file_name", "is for the daemon, not for one round");
  if (!values.daemon_mode && values.notify_url !== undefined) add("notify_url", "is for the daemon, not for one round");
  if (values.pid_file_name !== undefined && values.renew_signal === undefined)
    add("renew_signal", "is required with pid_file_name");
  if (values.hint !== undefined && values.spiffe_id !== undefined) add("hint", "give hint or spiffe_id, not both");
  try {
    commandOf(values, extra);
  } catch (error) {
    add("cmd_args", error instanceof Error ? error.message : String(error));
  }
  return problems;
}

/** Settings that are legal and of which one should know. */
export function warningsOf(config: FilesConfig): readonly string[] {
  const { key, jwtSvid } = config.modes;
  return [
    ...(config.isOnce && config.command !== undefined ? ["cmd is not run: it is for the daemon"] : []),
    ...(key & 0o007 ? [`key_file_mode ${octal(key)} lets every user of this host use the key`] : []),
    ...(jwtSvid & 0o007 ? [`jwt_svid_file_mode ${octal(jwtSvid)} lets every user of this host use the tokens`] : []),
  ];
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
