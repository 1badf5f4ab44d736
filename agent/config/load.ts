import { type ConfigProblem, loadProgramSettings, type SettingSources } from "../../runtime/host/index.ts";
import { type AgentConfig, problemsBetween, toAgentConfig } from "./agent-config.ts";
import { agentSettings } from "./settings.ts";

/** Flags of `countersign agent run` and `validate`, as text; those not given are absent. */
export interface AgentFlags {
  readonly config?: string | undefined;
  readonly trustDomain?: string | undefined;
  /** HOST:PORT; an IPv6 host in brackets. */
  readonly server?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly socket?: string | undefined;
  readonly joinToken?: string | undefined;
  readonly joinTokenFile?: string | undefined;
  readonly bundle?: string | undefined;
  readonly bundleUrl?: string | undefined;
  readonly insecureBootstrap?: boolean | undefined;
  readonly logLevel?: string | undefined;
}

export interface AgentConfigSources {
  readonly flags: AgentFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

const serverForm = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]]+)):(\d{1,5})$/;

/** @throws ConfigError naming every problem of file, environment and flags. */
export async function loadAgentConfig(sources: AgentConfigSources): Promise<AgentConfig> {
  const flagProblems: ConfigProblem[] = [];
  const values = await loadProgramSettings({
    table: agentSettings,
    envPrefix: "COUNTERSIGN_AGENT_",
    env: sources.env,
    configFlag: sources.flags.config,
    flags: settingFlags(sources.flags, flagProblems),
    flagProblems,
    rules: (values) => problemsBetween(values, sources),
  });
  return toAgentConfig(values, sources);
}

function settingFlags(flags: AgentFlags, problems: ConfigProblem[]): SettingSources["flags"] {
  const result: Record<string, { readonly flag: string; readonly value: string }> = {};
  const put = (key: string, flag: string, value: string | undefined): void => {
    if (value !== undefined) result[key] = { flag, value };
  };
  put("trust_domain", "--trust-domain", flags.trustDomain);
  put("data_dir", "--data-dir", flags.dataDir);
  put("socket_path", "--socket", flags.socket);
  put("join_token", "--join-token", flags.joinToken);
  put("join_token_file", "--join-token-file", flags.joinTokenFile);
  put("trust_bundle_path", "--bundle", flags.bundle);
  put("trust_bundle_url", "--bundle-url", flags.bundleUrl);
  put("log_level", "--log-level", flags.logLevel);
  put("insecure_bootstrap", "--insecure-bootstrap", flags.insecureBootstrap === true ? "true" : undefined);
  if (flags.server === undefined) return result;
  const match = serverForm.exec(flags.server);
  if (match === null) problems.push({ where: "--server", key: "", message: "must be HOST:PORT" });
  put("server_address", "--server", match?.[1] ?? match?.[2] ?? flags.server);
  put("server_port", "--server", match?.[3]);
  return result;
}
