import { resolve } from "node:path";
import { defaultSocketPath } from "../../runtime/host/default-sockets.ts";
import type { LogLevel, SettingValues } from "../../runtime/host/index.ts";
import type { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { AddressRanges } from "../../transport/index.ts";
import type { AuthorityKeyType } from "../issuance/ports.ts";
import { type NodeAttestorsConfig, nodeAttestorsConfig } from "./node-attestors.ts";
import type { serverSettings } from "./settings.ts";
import { type UpstreamConfig, upstreamConfig } from "./upstream.ts";

/** What the server runs with. Lives are seconds, other durations milliseconds. */
export interface ServerConfig {
  readonly trustDomain: TrustDomain;
  /** Absolute. */
  readonly dataDir: string;
  readonly bind: { readonly host: string; readonly port: number };
  /** Absolute. */
  readonly socketPath: string;
  /** Milliseconds until a TCP connection is asked to leave. */
  readonly connectionAge: { readonly usualMs: number; readonly syncMs: number };
  /** Proxies in front of the TCP listener, which tell where connections come from; `undefined`: none. */
  readonly proxies: AddressRanges | undefined;
  readonly adminIds: readonly SpiffeId[];
  readonly ttls: {
    readonly agent: number;
    readonly x509Svid: number;
    readonly jwtSvid: number;
    readonly ca: number;
  };
  readonly caKeyType: AuthorityKeyType;
  /** `undefined`: no JWT-SVIDs are issued. */
  readonly jwtKeyType: AuthorityKeyType | undefined;
  readonly caSubject: CaSubject | undefined;
  readonly jwtIssuer: string | undefined;
  readonly keyManager: "disk" | "memory";
  readonly upstream: UpstreamConfig;
  readonly logLevel: LogLevel;
  readonly auditLog: boolean;
  readonly nodeAttestors: NodeAttestorsConfig;
  readonly rateLimits: RateLimits | "off";
  readonly pruneNodes: PruneNodesConfig | undefined;
  readonly statusListener: StatusListenerConfig | undefined;
}

export interface PruneNodesConfig {
  readonly expiredForMs: number;
  /** Also agents that cannot attest again by themselves. */
  readonly includeOneTime: boolean;
  /** Agents forgotten in one round, at most. */
  readonly batchSize: number;
}

export interface CaSubject {
  readonly country?: string;
  readonly organization?: string;
  readonly commonName?: string;
}

/** Calls a second and remote address (entries: and agent), per class; each is also the burst. */
export interface RateLimits {
  readonly attest: number;
  readonly x509: number;
  readonly jwt: number;
  readonly postStatus: number;
  readonly publishJwt: number;
  readonly sync: number;
  readonly entries: number;
}

export interface StatusListenerConfig {
  readonly host: string;
  readonly port: number;
  readonly livePath: string;
  readonly readyPath: string;
  readonly metricsPath: string;
}

/** `host`: what the default of the admin socket depends on. */
export function toServerConfig(
  values: SettingValues<typeof serverSettings>,
  host: { readonly env: Readonly<Record<string, string | undefined>>; readonly uid: number },
): ServerConfig {
  const dataDir = resolve(values.data_dir);
  const x509Ttl = seconds(values.default_x509_svid_ttl);
  return Object.freeze({
    trustDomain: values.trust_domain,
    dataDir,
    bind: { host: values.bind_address, port: values.bind_port },
    socketPath: resolve(values.socket_path ?? defaultSocketPath("server", host.env, host.uid)),
    connectionAge: { usualMs: values.max_connection_age, syncMs: values.max_sync_connection_age },
    proxies: values["proxy_protocol.trusted_addresses"],
    adminIds: values.admin_ids,
    ttls: {
      agent: values.agent_ttl === undefined ? x509Ttl : seconds(values.agent_ttl),
      x509Svid: x509Ttl,
      jwtSvid: seconds(values.default_jwt_svid_ttl),
      ca: seconds(values.ca_ttl),
    },
    caKeyType: values.ca_key_type,
    jwtKeyType: values.disable_jwt_svids ? undefined : (values.jwt_key_type ?? values.ca_key_type),
    caSubject: caSubject(values),
    jwtIssuer: values.jwt_issuer,
    keyManager: values.key_manager,
    upstream: upstreamConfig(values),
    logLevel: values.log_level,
    auditLog: values.audit_log_enabled,
    nodeAttestors: nodeAttestorsConfig(values),
    rateLimits: rateLimits(values),
    pruneNodes:
      values.prune_attested_nodes_expired_for === undefined
        ? undefined
        : {
            expiredForMs: values.prune_attested_nodes_expired_for,
            includeOneTime: values.prune_tofu_nodes,
            batchSize: values.prune_attested_nodes_batch_size,
          },
    statusListener: statusListener(values),
  });
}

type Values = SettingValues<typeof serverSettings>;

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

function caSubject(values: Values): CaSubject | undefined {
  const country = values["ca_subject.country"];
  const organization = values["ca_subject.organization"];
  const commonName = values["ca_subject.common_name"];
  if (country === undefined && organization === undefined && commonName === undefined) return undefined;
  return {
    ...(country === undefined ? {} : { country }),
    ...(organization === undefined ? {} : { organization }),
    ...(commonName === undefined ? {} : { commonName }),
  };
}

function rateLimits(values: Values): RateLimits | "off" {
  if (!values["rate_limits.enabled"]) return "off";
  return {
    attest: values["rate_limits.attest"],
    x509: values["rate_limits.x509"],
    jwt: values["rate_limits.jwt"],
    postStatus: values["rate_limits.post_status"],
    publishJwt: values["rate_limits.publish_jwt"],
    sync: values["rate_limits.sync"],
    entries: values["rate_limits.entries"],
  };
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
