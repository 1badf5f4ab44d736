import { ConfigError, type ConfigProblem, loadProgramSettings, openSettingsFile } from "../../../runtime/host/index.ts";
import { type FilesConfig, type JwtFile, problemsBetween, toFilesConfig } from "./files-config.ts";
import { isHelperFile, openHelperFile } from "./helper-file.ts";
import { filesSettings } from "./settings.ts";

/** Flags of `countersign agent write-files`, as text; those not given are absent. */
export interface FilesFlags {
  readonly config?: string;
  readonly dir?: string;
  readonly socket?: string;
  readonly once?: boolean;
  readonly daemonMode?: string;
  readonly timeout?: string;
  readonly layout?: string;
  readonly svid?: string;
  readonly key?: string;
  readonly bundle?: string;
  readonly combined?: string;
  readonly bundles?: string;
  /** `FILE=AUDIENCE[,AUDIENCE]` */
  readonly jwt?: readonly string[];
  readonly jwtBundle?: string;
  readonly hint?: string;
  readonly spiffeId?: string;
  readonly renewSignal?: string;
  readonly pidFile?: string;
  readonly notifyUrl?: string;
  readonly logLevel?: string;
}

const envPrefix = "COUNTERSIGN_WRITE_FILES_";

export interface FilesSources {
  readonly flags: FilesFlags;
  /** Words after `--`. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws ConfigError naming every problem of file, environment and flags, with lines. */
export async function loadFilesConfig({ flags, command, env }: FilesSources): Promise<FilesConfig> {
  const flagProblems: ConfigProblem[] = [];
  const extra = { command, jwtFiles: (flags.jwt ?? []).map((one) => jwtFile(one, flagProblems)) };
  const path = flags.config ?? env[`${envPrefix}CONFIG`];
  const isHelper = path !== undefined && isHelperFile(path);
  const hasEndpoint = (env["SPIFFE_ENDPOINT_SOCKET"] ?? "") !== "" || flags.socket !== undefined;
  const values = await namingDir(() =>
    loadProgramSettings({
      table: filesSettings,
      envPrefix,
      env,
      configFlag: flags.config,
      openFile: isHelper ? (file, problems) => openHelperFile(file, problems, { hasEndpoint }) : openSettingsFile,
      flags: settingFlags(flags),
      flagProblems,
      rules: (values) => problemsBetween(values, extra, isHelper),
    }),
  );
  return toFilesConfig(values, extra);
}

function jwtFile(text: string, problems: ConfigProblem[]): JwtFile {
  const [, fileName = "", audiences = ""] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const audience = audiences.split(",").filter((one) => one !== "");
  const isPlain = fileName !== "" && !fileName.startsWith("/") && !fileName.startsWith(".") && !fileName.includes("/.");
  if (!isPlain || audience.length === 0) {
    problems.push({ where: "--jwt", key: "", message: `must be FILE=AUDIENCE or FILE=AUDIENCE,AUDIENCE: ${text}` });
  }
  return { audience, fileName };
}

/** The one setting without which nothing goes is most easily given by its flag. */
async function namingDir<Values>(load: () => Promise<Values>): Promise<Values> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      error.problems.map((problem) =>
        problem.where === "" && problem.key === "cert_dir" ? { ...problem, where: "--dir" } : problem,
      ),
    );
  }
}

function settingFlags(flags: FilesFlags): Record<string, { readonly flag: string; readonly value: string }> {
  const given: readonly (readonly [string, string, string | undefined])[] = [
    ["cert_dir", "--dir", flags.dir],
    ["agent_address", "--socket", flags.socket],
    ["daemon_mode", "--daemon-mode", flags.daemonMode],
    ["daemon_mode", "--once", flags.once === true ? "false" : undefined],
    ["timeout", "--timeout", flags.timeout],
    ["layout", "--layout", flags.layout],
    ["svid_file_name", "--svid", flags.svid],
    ["svid_key_file_name", "--key", flags.key],
    ["svid_bundle_file_name", "--bundle", flags.bundle],
    ["svid_combined_file_name", "--combined", flags.combined],
    ["bundles_dir_name", "--bundles", flags.bundles],
    ["jwt_bundle_file_name", "--jwt-bundle", flags.jwtBundle],
    ["hint", "--hint", flags.hint],
    ["spiffe_id", "--spiffe-id", flags.spiffeId],
    ["renew_signal", "--renew-signal", flags.renewSignal],
    ["pid_file_name", "--pid-file", flags.pidFile],
    ["notify_url", "--notify-url", flags.notifyUrl],
    ["log_level", "--log-level", flags.logLevel],
  ];
  return Object.fromEntries(
    given.flatMap(([key, flag, value]) => (value === undefined ? [] : [[key, { flag, value }] as const])),
  );
}
