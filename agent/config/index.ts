export type { AgentConfig, BootstrapConfig, NodeAttestorConfig, StatusListenerConfig } from "./agent-config.ts";
export { type AgentConfigSources, type AgentFlags, loadAgentConfig } from "./load.ts";
export { agentSettings } from "./settings.ts";
