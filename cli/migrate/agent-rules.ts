import { commonRules, drop, ours, type Rules, to, unsupported } from "./rules.ts";

const elsewhere = "run SPIRE's agent on such hosts: it works with this server";
const sds = unsupported(`Envoy's SDS is not served yet; ${elsewhere}`);
const delegated = unsupported(`the Delegated Identity and Broker APIs are not served yet; ${elsewhere}`);
const holding = unsupported("callers are held and bounded by user instead (hold_current, docs/limits.md)");
const forNode = unsupported(`agents attest with a join token or x509pop; ${elsewhere}`);
const discovery = drop("path and sha256 are found out by themselves whenever an entry asks for them");

/** SPIRE agent's settings that are called otherwise here, are no longer needed, or do not exist. */
export const agentRules: Rules = {
  ...commonRules("agent"),
  "agent.server_port": to("server_port", undefined, "number"),
  "agent.data_dir": ours("data_dir", "/var/lib/countersign/agent"),
  "agent.socket_path": ours("socket_path", "/run/countersign/agent/public/api.sock"),
  "agent.admin_socket_path": ours("admin_socket_path", "/run/countersign/agent/private/admin.sock"),
  "agent.trust_bundle_format": drop("PEM and SPIFFE bundle documents are told apart by themselves"),
  "agent.trust_bundle_unix_socket": unsupported("fetch the bundle into a file and name it in trust_bundle_path"),
  "agent.trust_bundle_spiffe_workload_api": unsupported(
    "fetch the bundle into a file and name it in trust_bundle_path",
  ),
  "agent.rebootstrap_mode": to("rebootstrap"),
  "agent.availability_target": drop(
    "what is valid is served for as long as it is valid, also while the server is away",
  ),
  "agent.authorized_delegates": delegated,
  "agent.disable_workload_api": unsupported("the Workload API is what this agent is for"),
  "agent.disable_sds_api": drop("SDS is not served"),
  "agent.log_selectors": drop(
    "what the agent saw of a refused process is in its log, under the request id of the refusal",
  ),
  "agent.sds.*": sds,
  "agent.experimental.sync_interval": to("sync_interval", "only against a SPIRE server; ours pushes changes"),
  "agent.experimental.jwt_svid_cache_hit_timeout": drop(
    "a valid cached token is given when the server does not answer",
  ),
  "agent.experimental.use_sync_authorized_entries": drop("always on"),
  "agent.experimental.admin_named_pipe_name": drop("only on Windows"),
  "agent.experimental.ratelimit.*": holding,
  "agent.experimental.broker.*": delegated,
  "plugins.KeyManager.disk.*": drop("the agent's key always lies in data_dir"),
  "plugins.KeyManager.memory.*": drop("the agent's key lies in data_dir, so that a restart keeps its identity"),
  "plugins.NodeAttestor.join_token.*": drop("set join_token or join_token_file"),
  "plugins.NodeAttestor.x509pop.plugin_data.*": to("node_attestors.x509pop.*"),
  "plugins.NodeAttestor.x509pop.plugin_data": drop("used as soon as its files are named"),
  "plugins.NodeAttestor.*": forNode,
  "plugins.WorkloadAttestor.unix.plugin_data.discover_workload_path": discovery,
  "plugins.WorkloadAttestor.unix.plugin_data.workload_size_limit": drop(
    "executables are hashed off the main thread, and only when asked for",
  ),
  "plugins.WorkloadAttestor.unix.*": drop("always on"),
  "plugins.WorkloadAttestor.*": unsupported(`workloads are attested by the kernel (unix); ${elsewhere}`),
  "plugins.SVIDStore.*": unsupported(`SVIDs are not pushed to secret stores; ${elsewhere}`),
};
