import { choice, commonRules, drop, ours, type Rules, set, to, unsupported } from "./rules.ts";

const below = "plugins.UpstreamAuthority";
const federation = unsupported(
  "no bundle endpoint is served yet; make relationships with countersign federation create, or keep the other's bundle with countersign bundle set --id DOMAIN --file FILE; entries name it with --federates-with",
);
const cache = drop("entries are held in memory and follow one feed of changes; nothing is reloaded");
const limits =
  "rates are set one by one (docs/configuration.md, rate_limits); false means: set a rate that is never reached";
const nodeProof = unsupported(
  "agents of this server attest with a join token or x509pop; leave such nodes with SPIRE, or give them a certificate",
);
const sqlStore = drop(
  "the server's own store lies in data_dir; entries and federation come over the API (countersign migrate data)",
);
const otherDatabase = unsupported(
  "there is no other database than the server's own SQLite in data_dir: run one server on a disk that is backed up, and copy entries and federation with countersign migrate data --from SPIRE'S SOCKET",
);

/** SPIRE server's settings that are called otherwise here, are no longer needed, or do not exist. */
export const serverRules: Rules = {
  ...commonRules("server"),
  "server.bind_port": to("bind_port", undefined, "number"),
  "server.data_dir": ours("data_dir", "/var/lib/countersign/server"),
  "server.socket_path": ours("socket_path", "/run/countersign/server/private/api.sock"),
  "server.ca_subject.country": to("ca_subject.country", "one value", "first"),
  "server.ca_subject.organization": to("ca_subject.organization", "one value", "first"),
  "server.ratelimit.attestation": unsupported(limits),
  "server.ratelimit.signing": unsupported(limits),
  "server.max_attested_node_info_staleness": drop("agents are always authorised from memory, which is never stale"),
  "server.proxy_protocol_trusted_cidrs": to("proxy_protocol.trusted_addresses"),
  "server.federation.*": federation,
  "server.experimental.agent_spiffe_id_as_selector": unsupported("give agents an alias when making their join token"),
  "server.experimental.auth_opa_policy_engine.*": unsupported(
    "callers are authorised by class: admin_ids and admin entries",
  ),
  "server.experimental.cache_reload_interval": cache,
  "server.experimental.events_based_cache": cache,
  "server.experimental.full_cache_reload_interval": cache,
  "server.experimental.prune_events_older_than": cache,
  "server.experimental.event_timeout": cache,
  "server.experimental.sql_transaction_timeout": cache,
  "server.experimental.wit_key_type": unsupported("WIT-SVIDs are not issued yet"),
  "server.experimental.wit_issuer": unsupported("WIT-SVIDs are not issued yet"),
  "plugins.DataStore.sql.plugin_data.database_type": choice(["sqlite3", ""], sqlStore, otherDatabase),
  "plugins.DataStore.sql.plugin_data.database_type.*": otherDatabase,
  "plugins.DataStore.sql.*": sqlStore,
  "plugins.KeyManager.disk.plugin_data.keys_path": drop("keys lie in data_dir, one file each"),
  "plugins.KeyManager.disk.plugin_data": set("key_manager", "disk", "keys lie in data_dir, one file each"),
  "plugins.KeyManager.memory.plugin_data": set("key_manager", "memory", "as before: new authorities at each start"),
  "plugins.KeyManager.*": unsupported('"key_manager: disk" keeps keys in data_dir, readable by the server alone'),
  "plugins.NodeAttestor.join_token.*": drop(
    "join tokens are accepted unless node_attestors.join_token.enabled is false",
  ),
  "plugins.NodeAttestor.x509pop.plugin_data.spiffe_prefix": to("node_attestors.x509pop.svid_prefix"),
  "plugins.NodeAttestor.x509pop.plugin_data.agent_path_template": to(
    "node_attestors.x509pop.agent_path_template",
    "a template of fields and named functions: look whether yours uses others",
  ),
  "plugins.NodeAttestor.x509pop.plugin_data": drop("used as soon as its certificates are named"),
  "plugins.NodeAttestor.x509pop.plugin_data.*": to("node_attestors.x509pop.*"),
  "plugins.NodeAttestor.*": nodeProof,
  [`${below}.disk.plugin_data.*`]: to("upstream_authority.*"),
  [`${below}.disk.plugin_data`]: set("upstream_authority.type", "disk", "a CA on disk above this server"),
  [`${below}.spire.plugin_data.server_port`]: to("upstream_authority.server_port", undefined, "number"),
  [`${below}.spire.plugin_data.*`]: to("upstream_authority.*"),
  [`${below}.spire.plugin_data`]: set("upstream_authority.type", "spire", "a server above this one"),
  [`${below}.*`]: unsupported(
    '"upstream_authority.type" knows disk and spire: put a SPIRE server or a CA on disk between',
  ),
  "plugins.Notifier.*": unsupported("copy the bundle with: countersign bundle show"),
  "plugins.BundlePublisher.*": unsupported("copy the bundle with: countersign bundle show"),
  "plugins.CredentialComposer.*": unsupported("SVIDs have SPIRE's standard form; nothing composes them"),
};
