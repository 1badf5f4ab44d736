import { z } from "zod";
import {
  durationMs,
  flag,
  integer,
  logLevels,
  oneOf,
  parsed,
  port,
  setting,
  socketPath,
  text,
} from "../../runtime/host/index.ts";
import { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { AddressRanges } from "../../transport/index.ts";
import { nodeAttestorSettings } from "./node-attestors.ts";

const keyType = oneOf("ec-p256", "ec-p384", "rsa-2048", "rsa-4096");
const life = durationMs({ minMs: 1000 });
/** Calls a second and address; also the burst. */
const rate = integer(1, 1_000_000);

/**
 * Every setting of the server: name, default, meaning. docs/configuration.md is written from this table.
 * Names are SPIRE's wherever the thing is the same.
 */
export const serverSettings = {
  trust_domain: setting(
    parsed((name) => TrustDomain.parseNameOrId(name)),
    { doc: "The trust domain this server issues identities of. Required." },
  ),
  data_dir: setting(text(4096), { doc: "Directory of the database and the keys; made when missing. Required." }),
  bind_address: setting(text(255), { initial: "0.0.0.0", doc: "TCP address agents and administrators connect to." }),
  bind_port: setting(port, { initial: 8081, doc: "TCP port; 0 lets the system choose." }),
  socket_path: setting(socketPath.optional(), {
    doc: "Administrators' Unix socket. Default: as root /run/countersign/server/private/api.sock, else below the user's runtime directory.",
  }),
  max_connection_age: setting(life, {
    initial: "3m",
    doc: "Age at which a TCP connection is asked to leave (GOAWAY); calls under way finish.",
  }),
  max_sync_connection_age: setting(life, {
    initial: "1h",
    doc: "The same for connections with an agent's sync stream; the agent opens a new one before it leaves.",
  }),
  "proxy_protocol.trusted_addresses": setting(
    z
      .array(text(64))
      .max(256)
      .transform((ranges, context) => {
        try {
          return ranges.length === 0 ? undefined : AddressRanges.parse(ranges);
        } catch (error) {
          context.addIssue(error instanceof Error ? error.message : "is not valid");
          return z.NEVER;
        }
      })
      .optional(),
    {
      doc: "CIDR ranges of proxies in front of bind_port. Connections from them must begin with a PROXY protocol header (version 1 or 2), and count as coming from where it says.",
    },
  ),
  admin_ids: setting(z.array(parsed((id) => SpiffeId.parse(id))).max(1000), {
    initial: [],
    doc: "SPIFFE IDs that may administer over TCP without an entry that has the admin flag.",
  }),
  agent_ttl: setting(life.optional(), { doc: "Life of agent SVIDs. Default: that of default_x509_svid_ttl." }),
  default_x509_svid_ttl: setting(life, { initial: "1h", doc: "Life of X.509-SVIDs whose entry names none." }),
  default_jwt_svid_ttl: setting(life, { initial: "5m", doc: "Life of JWT-SVIDs whose entry names none." }),
  ca_ttl: setting(life, { initial: "24h", doc: "Life of X.509 and JWT authorities." }),
  ca_key_type: setting(keyType, {
    initial: "ec-p256",
    doc: "Key type of X.509 authorities. P-384 and RSA cost 25 times more.",
  }),
  jwt_key_type: setting(keyType.optional(), { doc: "Key type of JWT authorities. Default: that of ca_key_type." }),
  disable_jwt_svids: setting(flag, { initial: false, doc: "Make no JWT authorities and sign no JWT-SVIDs." }),
  "ca_subject.country": setting(text(2).optional(), { doc: "Country of the CA's subject." }),
  "ca_subject.organization": setting(text(64).optional(), { doc: "Organization of the CA's subject." }),
  "ca_subject.common_name": setting(text(64).optional(), { doc: "Common name of the CA's subject." }),
  jwt_issuer: setting(text(2048).optional(), { doc: "The iss claim of JWT-SVIDs. Default: none." }),
  key_manager: setting(oneOf("disk", "memory"), {
    initial: "disk",
    doc: "Where authority keys live: files in the data directory, or memory (new authorities at each start).",
  }),
  "upstream_authority.type": setting(oneOf("none", "disk", "spire"), {
    initial: "none",
    doc: "What signs this server's X.509 authorities: none (each is its own trust anchor), a CA on disk, or a SPIRE or Countersign server above.",
  }),
  "upstream_authority.cert_file_path": setting(text(4096).optional(), {
    doc: "disk: PEM of the CA above, then of what is between it and its trust anchor.",
  }),
  "upstream_authority.key_file_path": setting(text(4096).optional(), { doc: "disk: PEM of its private key." }),
  "upstream_authority.bundle_file_path": setting(text(4096).optional(), {
    doc: "disk: PEM of the trust anchors. Default: the CA above, which must then be self-signed.",
  }),
  "upstream_authority.server_address": setting(text(255).optional(), { doc: "spire: host of the server above." }),
  "upstream_authority.server_port": setting(port, { initial: 8081, doc: "spire: its TCP port." }),
  "upstream_authority.workload_api_socket": setting(text(4096).optional(), {
    doc: "spire: Workload API that knows this process by an entry with the downstream flag. Default: SPIFFE_ENDPOINT_SOCKET.",
  }),
  log_level: setting(oneOf(...logLevels), {
    initial: "info",
    doc: "Least important level that is logged.",
    reloads: true,
  }),
  audit_log_enabled: setting(flag, { initial: true, doc: "One audit record for every change, issuance and refusal." }),
  ...nodeAttestorSettings,
  "rate_limits.enabled": setting(flag, { initial: true, doc: "Rate limits as a whole.", reloads: true }),
  "rate_limits.attest": setting(rate, {
    initial: 50,
    doc: "AttestAgent a second and address. A hundred agents behind one address come in at once.",
    reloads: true,
  }),
  "rate_limits.x509": setting(rate, { initial: 500, doc: "X.509 signatures a second and address.", reloads: true }),
  "rate_limits.jwt": setting(rate, { initial: 500, doc: "JWT signatures a second and address.", reloads: true }),
  "rate_limits.post_status": setting(rate, { initial: 50, doc: "PostStatus a second and address.", reloads: true }),
  "rate_limits.publish_jwt": setting(rate, {
    initial: 500,
    doc: "PublishJWTAuthority of servers below, a second and address.",
    reloads: true,
  }),
  "rate_limits.entries": setting(rate, {
    initial: 10,
    doc: "GetAuthorizedEntries and SyncAuthorizedEntries a second and agent. SPIRE's agents ask every 5 s.",
    reloads: true,
  }),
  "rate_limits.sync": setting(rate, { initial: 20, doc: "Sync streams opened a second and address.", reloads: true }),
  prune_attested_nodes_expired_for: setting(life.optional(), {
    doc: "Forget agents whose SVID expired this long ago. Default: never.",
  }),
  prune_attested_nodes_batch_size: setting(integer(1, 100_000), {
    initial: 1000,
    doc: "Agents forgotten in one round of an hour; each is a transaction.",
  }),
  prune_tofu_nodes: setting(flag, {
    initial: false,
    doc: "Forget also agents that cannot attest again by themselves (join token).",
  }),
  "health_checks.listener_enabled": setting(flag, { initial: false, doc: "Health and metrics over plain HTTP." }),
  "health_checks.bind_address": setting(text(255), { initial: "localhost", doc: "Address of that listener." }),
  "health_checks.bind_port": setting(port, { initial: 8082, doc: "Port of that listener." }),
  "health_checks.live_path": setting(text(255), { initial: "/live", doc: "Path of the liveness probe." }),
  "health_checks.ready_path": setting(text(255), { initial: "/ready", doc: "Path of the readiness probe." }),
  "health_checks.metrics_path": setting(text(255), { initial: "/metrics", doc: "Path of the Prometheus metrics." }),
} as const;
