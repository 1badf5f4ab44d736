export { configWarnings, loadServerConfig, type ServerConfigSources, type ServerFlags } from "./load.ts";
export type { CaSubject, PruneNodesConfig, RateLimits, ServerConfig, StatusListenerConfig } from "./server-config.ts";
export { serverSettings } from "./settings.ts";
export type { UpstreamConfig } from "./upstream.ts";
