import { type ConfigProblem, loadProgramSettings, type SettingSources } from "../../runtime/host/index.ts";
import { lifeWarnings } from "../authority/schedule.ts";
import { nodeAttestorProblems } from "./node-attestors.ts";
import { type ServerConfig, toServerConfig } from "./server-config.ts";
import { serverSettings } from "./settings.ts";
import { upstreamProblems } from "./upstream.ts";

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
 * Only the trust domain and the data directory must be given.
 *
 * @throws ConfigError naming every problem of file, environment and flags.
 */
export async function loadServerConfig(sources: ServerConfigSources): Promise<ServerConfig> {
  const flagProblems: ConfigProblem[] = [];
  const values = await loadProgramSettings({
    table: serverSettings,
    envPrefix: "COUNTERSIGN_SERVER_",
    env: sources.env,
    configFlag: sources.flags.config,
    flags: settingFlags(sources.flags, flagProblems),
    flagProblems,
    rules: (values) => [...upstreamProblems(values), ...nodeAttestorProblems(values)],
  });
  return toServerConfig(values, { env: sources.env, uid: sources.uid ?? process.getuid?.() ?? 0 });
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

/** What is worth saying at start although it is not wrong: lives longer than CA rotation can guarantee. */
export function configWarnings({ ttls }: ServerConfig): readonly string[] {
  return lifeWarnings({ caTtl: ttls.ca, x509SvidTtl: ttls.x509Svid, agentTtl: ttls.agent, jwtSvidTtl: ttls.jwtSvid });
}
