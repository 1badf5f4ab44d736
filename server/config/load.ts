import {
  ConfigError,
  type ConfigProblem,
  loadSettings,
  openSettingsFile,
  type SettingSources,
} from "../../runtime/host/index.ts";
import { type ServerConfig, toServerConfig } from "./server-config.ts";
import { serverSettings } from "./settings.ts";

/** Flags of `countersign server run` and `validate`, as text; those not given are absent. */
export interface ServerFlags {
  readonly config?: string | undefined;
  readonly trustDomain?: string | undefined;
  readonly dataDir?: string | undefined;
  /** HOST:PORT; an IPv6 host in brackets. */
  readonly bind?: string | undefined;
  readonly socket?: string | undefined;
  readonly logLevel?: string | undefined;
  /** `on` or `off`. */
  readonly rateLimits?: string | undefined;
}

export interface ServerConfigSources {
  readonly flags: ServerFlags;
  /** Of this process; default: the system's answer. */
  readonly uid?: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const bindForm = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]]*)):(\d{1,5})$/;

/**
 * File (`--config` or `COUNTERSIGN_SERVER_CONFIG`), environment and flags, in that order of precedence from low to high.
 * Only the trust domain and the data directory must be given.
 *
 * @throws ConfigError naming every problem of every source.
 */
export async function loadServerConfig(sources: ServerConfigSources): Promise<ServerConfig> {
  const { COUNTERSIGN_SERVER_CONFIG: configVariable, COUNTERSIGN_SERVER_SOCKET: socketVariable, ...rest } = sources.env;
  // The variable that tells the CLI where the socket is tells the server where to make it.
  const env = { ...(socketVariable === undefined ? {} : { COUNTERSIGN_SERVER_SOCKET_PATH: socketVariable }), ...rest };
  const path = sources.flags.config ?? configVariable;
  const problems: ConfigProblem[] = [];
  const flags = settingFlags(sources.flags, problems);
  const file = path === undefined ? undefined : await openSettingsFile(path, problems);
  try {
    const values = loadSettings(serverSettings, { file, env, envPrefix: "COUNTERSIGN_SERVER_", flags });
    if (problems.length === 0)
      return checked(toServerConfig(values, { env, uid: sources.uid ?? process.getuid?.() ?? 0 }));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  throw new ConfigError(problems);
}

function settingFlags(flags: ServerFlags, problems: ConfigProblem[]): SettingSources["flags"] {
  const result: Record<string, { readonly flag: string; readonly value: string }> = {};
  const put = (key: string, flag: string, value: string | undefined): void => {
    if (value !== undefined) result[key] = { flag, value };
  };
  put("trust_domain", "--trust-domain", flags.trustDomain);
  put("data_dir", "--data-dir", flags.dataDir);
  put("socket_path", "--socket", flags.socket);
  put("log_level", "--log-level", flags.logLevel);
  if (flags.rateLimits === "on" || flags.rateLimits === "off") {
    put("rate_limits.enabled", "--rate-limits", String(flags.rateLimits === "on"));
  } else if (flags.rateLimits !== undefined) {
    problems.push({ where: "--rate-limits", key: "rate_limits.enabled", message: "must be on or off" });
  }
  if (flags.bind !== undefined) {
    const match = bindForm.exec(flags.bind);
    if (match === null) problems.push({ where: "--bind", key: "", message: "must be HOST:PORT" });
    else {
      const host = match[1] ?? match[2] ?? "";
      put("bind_address", "--bind", host === "" ? "0.0.0.0" : host);
      put("bind_port", "--bind", match[3]);
    }
  }
  return result;
}

/** Rules between settings. */
function checked(config: ServerConfig): ServerConfig {
  const problems: ConfigProblem[] = [];
  if (Buffer.byteLength(config.socketPath) > 107) {
    problems.push({
      where: "",
      key: "socket_path",
      message: "is longer than the 107 bytes a Unix socket path may have",
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** What is worth saying at start although it is not wrong: lives longer than CA rotation can guarantee. */
export function configWarnings(config: ServerConfig): readonly string[] {
  const { agent, x509Svid, jwtSvid, ca } = config.ttls;
  const guaranteed = Math.min(Math.floor(ca / 6), 7 * 86_400);
  return (
    [
      ["agent_ttl", agent],
      ["default_x509_svid_ttl", x509Svid],
      ["default_jwt_svid_ttl", jwtSvid],
    ] as const
  )
    .filter(([, ttl]) => ttl > guaranteed)
    .map(
      ([key, ttl]) => `${key} (${ttl}s) is longer than a sixth of ca_ttl (${guaranteed}s): some SVIDs will be shorter`,
    );
}
