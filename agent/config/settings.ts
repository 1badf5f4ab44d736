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
import { TrustDomain } from "../../spiffe/index.ts";
import { workloadKeyTypes } from "../identities/workload-keys.ts";

const path = text(4096).optional();
const hold = durationMs({ maxMs: 60_000 });

/**
 * Every setting of the agent: name, default, meaning. docs/agent-configuration.md is checked against this table.
 * Names are SPIRE's wherever the thing is the same.
 */
export const agentSettings = {
  trust_domain: setting(
    parsed((name) => TrustDomain.parseNameOrId(name)),
    { doc: "The trust domain this agent belongs to. Required." },
  ),
  data_dir: setting(text(4096), {
    doc: "Directory of the agent's key, SVID and bundle; made when missing. Required.",
  }),
  server_address: setting(text(255), { doc: "Host of the server to attest to. Required." }),
  server_port: setting(port, { initial: 8081, doc: "Its TCP port." }),
  socket_path: setting(socketPath.optional(), {
    doc: "Where the Workload API is served. Default: as root /run/countersign/agent/public/api.sock, else below the user's runtime directory.",
  }),
  admin_socket_path: setting(socketPath.optional(), {
    doc: "Where SPIRE's agent Debug and Logger services are served, to the agent's user and group. Not served by default; not in or below the directory of socket_path.",
  }),
  join_token: setting(text(4096).optional(), { doc: "Proves this node once. Readable by whoever sees the process." }),
  join_token_file: setting(path, { doc: "The same, read from a file each time the agent has to attest." }),
  "node_attestors.x509pop.private_key_path": setting(path, {
    doc: "PEM file of the key of this node's certificate; with it the agent attests by x509pop instead of a join token.",
  }),
  "node_attestors.x509pop.certificate_path": setting(path, {
    doc: "PEM file of this node's certificate, perhaps followed by intermediates.",
  }),
  "node_attestors.x509pop.intermediates_path": setting(path, { doc: "PEM file of more intermediates." }),
  trust_bundle_path: setting(path, { doc: "Bundle to know the server by at first: PEM, or a SPIFFE bundle document." }),
  trust_bundle_url: setting(
    parsed((value): URL => {
      const url = new URL(value);
      if (url.protocol !== "https:") throw new Error("must be an https URL");
      return url;
    }).optional(),
    { doc: "The same, from an https URL." },
  ),
  insecure_bootstrap: setting(flag, {
    initial: false,
    doc: "Trust the first server that answers. Only for trying things out.",
  }),
  rebootstrap: setting(oneOf("never", "auto", "always"), {
    initial: "never",
    doc: "When the server's certificate is of authorities that the agent does not know (its data was lost): never, or fetch the bootstrap bundle anew and attest again. always: a node that cannot attest again is an error.",
  }),
  rebootstrap_delay: setting(durationMs({ minMs: 0, maxMs: 86_400_000 }), {
    initial: "10m",
    doc: "How long that must last before.",
  }),
  workload_x509_svid_key_type: setting(oneOf(...workloadKeyTypes), {
    initial: "ec-p256",
    doc: "Key type of workloads. RSA costs 500 times more to make.",
  }),
  x509_svid_cache_max_size: setting(integer(0, 1_000_000), {
    initial: 1000,
    doc: "X.509-SVIDs held; more only while workloads watch more.",
  }),
  jwt_svid_cache_max_size: setting(integer(1, 1_000_000), { initial: 1000, doc: "JWT-SVIDs held." }),
  sync_interval: setting(durationMs({ minMs: 1_000, maxMs: 3_600_000 }), {
    initial: "5s",
    doc: "How often a server that does not push changes (SPIRE's) is asked for them.",
  }),
  workload_state_dir: setting(path, {
    doc: "Directory on tmpfs where workload SVIDs outlive a restart of the agent; on a disk nothing is stored. Default: workloads in $RUNTIME_DIRECTORY, else in the data directory.",
  }),
  allow_unauthenticated_verifiers: setting(flag, {
    initial: false,
    doc: "Give the trust domain's bundle to callers without an identity.",
  }),
  allowed_foreign_jwt_claims: setting(z.array(text(255)).max(100), {
    initial: [],
    doc: "Claims that ValidateJWTSVID passes on from tokens of other trust domains.",
  }),
  hold_current: setting(hold, {
    initial: "2s",
    doc: "How long a caller without identity waits for one while the agent is up to date; 0s refuses at once.",
  }),
  hold_behind: setting(hold, { initial: "10s", doc: "The same while the agent is not connected, or catching up." }),
  log_level: setting(oneOf(...logLevels), {
    initial: "info",
    doc: "Least important level that is logged.",
    reloads: true,
  }),
  "health_checks.listener_enabled": setting(flag, { initial: false, doc: "Health and metrics over plain HTTP." }),
  "health_checks.bind_address": setting(text(255), { initial: "localhost", doc: "Address of that listener." }),
  "health_checks.bind_port": setting(port, {
    initial: 8083,
    doc: "Port of that listener; not the server's, so that both can run on one host.",
  }),
  "health_checks.live_path": setting(text(255), { initial: "/live", doc: "Path of the liveness probe." }),
  "health_checks.ready_path": setting(text(255), { initial: "/ready", doc: "Path of the readiness probe." }),
  "health_checks.metrics_path": setting(text(255), { initial: "/metrics", doc: "Path of the Prometheus metrics." }),
} as const;
