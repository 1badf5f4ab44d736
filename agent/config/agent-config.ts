import { dirname, join, resolve } from "node:path";
import { Secret } from "../../runtime/core/index.ts";
import { defaultSocketPath } from "../../runtime/host/default-sockets.ts";
import type { ConfigProblem, LogLevel, SettingValues } from "../../runtime/host/index.ts";
import type { TrustDomain } from "../../spiffe/index.ts";
import type { JoinTokenSource } from "../attestation/node/join-token.ts";
import type { X509PopFiles } from "../attestation/node/x509pop.ts";
import type { WorkloadKeyType } from "../identities/workload-keys.ts";
import type { RebootstrapPolicy } from "../identity/rebootstrap.ts";
import type { agentSettings } from "./settings.ts";

/** What the agent runs with. Paths are absolute, durations milliseconds. */
export interface AgentConfig {
  readonly trustDomain: TrustDomain;
  readonly dataDir: string;
  readonly server: { readonly host: string; readonly port: number };
  readonly socketPath: string;
  /** `undefined`: there is no admin socket. */
  readonly adminSocketPath: string | undefined;
  readonly attestor: NodeAttestorConfig;
  readonly bootstrap: BootstrapConfig;
  readonly rebootstrap: RebootstrapPolicy;
  readonly workloadKeyType: WorkloadKeyType;
  readonly x509CacheMaxSize: number;
  readonly jwtCacheMaxSize: number;
  readonly syncIntervalMs: number;
  readonly workloadStateDir: string;
  readonly allowUnauthenticatedVerifiers: boolean;
  readonly allowedForeignJwtClaims: readonly string[];
  readonly holdCurrentMs: number;
  readonly holdBehindMs: number;
  readonly logLevel: LogLevel;
  readonly statusListener: StatusListenerConfig | undefined;
}

export type NodeAttestorConfig =
  | { readonly kind: "join_token"; readonly token: JoinTokenSource }
  | { readonly kind: "x509pop"; readonly files: X509PopFiles };

export type BootstrapConfig =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: URL }
  | { readonly kind: "insecure" }
  /** Enough once the agent has a stored bundle. */
  | { readonly kind: "none" };

export interface StatusListenerConfig {
  readonly host: string;
  readonly port: number;
  readonly livePath: string;
  readonly readyPath: string;
  readonly metricsPath: string;
}

/** The process's surroundings that defaults depend on. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

const x509pop = "node_attestors.x509pop";

type Values = SettingValues<typeof agentSettings>;

export function toAgentConfig(values: Values, { env, uid }: Surroundings): AgentConfig {
  const dataDir = resolve(values.data_dir);
  const runtimeDir = env["RUNTIME_DIRECTORY"]?.split(":")[0] ?? dataDir;
  return Object.freeze({
    trustDomain: values.trust_domain,
    dataDir,
    server: { host: values.server_address, port: values.server_port },
    socketPath: resolve(values.socket_path ?? defaultSocketPath("agent", env, uid)),
    adminSocketPath: values.admin_socket_path === undefined ? undefined : resolve(values.admin_socket_path),
    attestor: nodeAttestor(values),
    bootstrap: bootstrap(values),
    rebootstrap: { mode: values.rebootstrap, delayMs: values.rebootstrap_delay },
    workloadKeyType: values.workload_x509_svid_key_type,
    x509CacheMaxSize: values.x509_svid_cache_max_size,
    jwtCacheMaxSize: values.jwt_svid_cache_max_size,
    syncIntervalMs: values.sync_interval,
    workloadStateDir: resolve(values.workload_state_dir ?? join(runtimeDir, "workloads")),
    allowUnauthenticatedVerifiers: values.allow_unauthenticated_verifiers,
    allowedForeignJwtClaims: values.allowed_foreign_jwt_claims,
    holdCurrentMs: values.hold_current,
    holdBehindMs: values.hold_behind,
    logLevel: values.log_level,
    statusListener: statusListener(values),
  });
}

/** Rules between settings. */
export function problemsBetween(values: Values, surroundings: Surroundings): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const exclusive = (names: readonly string[], isSet: readonly boolean[]): void => {
    const set = names.filter((_, index) => isSet[index] === true);
    const [first, ...others] = set;
    if (first === undefined || others.length === 0) return;
    problems.push({ where: "", key: first, message: `cannot be combined with ${others.join(", ")}` });
  };
  const [keyPath, certificatePath, morePath] = x509popPaths(values);
  const isMeant = (keyPath ?? certificatePath ?? morePath) !== undefined;
  if (isMeant && (keyPath === undefined || certificatePath === undefined)) {
    const key = `${x509pop}.${keyPath === undefined ? "private_key_path" : "certificate_path"}`;
    problems.push({ where: "", key, message: "is required beside the other settings of x509pop" });
  }
  exclusive(
    [`${x509pop}.private_key_path`, "join_token", "join_token_file"],
    [keyPath !== undefined, values.join_token !== undefined, values.join_token_file !== undefined],
  );
  exclusive(
    ["trust_bundle_path", "trust_bundle_url", "insecure_bootstrap"],
    [values.trust_bundle_path !== undefined, values.trust_bundle_url !== undefined, values.insecure_bootstrap],
  );
  if (
    values.rebootstrap !== "never" &&
    values.trust_bundle_path === undefined &&
    values.trust_bundle_url === undefined
  ) {
    const message = `${values.rebootstrap} needs trust_bundle_path or trust_bundle_url to fetch the bundle from`;
    problems.push({ where: "", key: "rebootstrap", message });
  }
  if (isInReachOfWorkloads(values, surroundings)) {
    const message = "must not be in or below the directory of socket_path, which every local process may enter";
    problems.push({ where: "", key: "admin_socket_path", message });
  }
  return problems;
}

function isInReachOfWorkloads(values: Values, { env, uid }: Surroundings): boolean {
  if (values.admin_socket_path === undefined) return false;
  const workloads = resolve(values.socket_path ?? defaultSocketPath("agent", env, uid));
  return resolve(values.admin_socket_path).startsWith(`${dirname(workloads)}/`);
}

function x509popPaths(values: Values): readonly (string | undefined)[] {
  return [
    values[`${x509pop}.private_key_path`],
    values[`${x509pop}.certificate_path`],
    values[`${x509pop}.intermediates_path`],
  ];
}

function nodeAttestor(values: Values): NodeAttestorConfig {
  const [privateKeyPath, certificatePath, intermediatesPath] = x509popPaths(values).map((path) =>
    path === undefined ? undefined : resolve(path),
  );
  if (privateKeyPath === undefined || certificatePath === undefined) {
    return { kind: "join_token", token: joinToken(values) };
  }
  return { kind: "x509pop", files: { privateKeyPath, certificatePath, intermediatesPath } };
}

function joinToken(values: Values): JoinTokenSource {
  if (values.join_token !== undefined) return { kind: "value", token: new Secret(values.join_token) };
  if (values.join_token_file !== undefined) return { kind: "file", path: resolve(values.join_token_file) };
  return { kind: "none" };
}

function bootstrap(values: Values): BootstrapConfig {
  if (values.insecure_bootstrap) return { kind: "insecure" };
  if (values.trust_bundle_url !== undefined) return { kind: "url", url: values.trust_bundle_url };
  if (values.trust_bundle_path !== undefined) return { kind: "file", path: resolve(values.trust_bundle_path) };
  return { kind: "none" };
}

function statusListener(values: Values): StatusListenerConfig | undefined {
  if (!values["health_checks.listener_enabled"]) return undefined;
  return {
    host: values["health_checks.bind_address"],
    port: values["health_checks.bind_port"],
    livePath: values["health_checks.live_path"],
    readyPath: values["health_checks.ready_path"],
    metricsPath: values["health_checks.metrics_path"],
  };
}
