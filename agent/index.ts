/** The agent: what other folders may use of `agent/`. */
export { type AgentConfig, type AgentFlags, agentSettings, loadAgentConfig } from "./config/index.ts";
export { type AgentCore, type AgentCoreDeps, createAgentCore } from "./core.ts";
export { agentErrors } from "./errors.ts";
export { agentLimits } from "./limits.ts";
export type { IdentitySubscription, WorkloadIdentity, WorkloadView } from "./ports.ts";
export { type Agent, startAgent } from "./start-agent.ts";
