/** The agent: what other folders may use of `agent/`. */
export {
  type AgentConfig,
  type AgentConfigSources,
  type AgentFlags,
  agentSettings,
  loadAgentConfig,
} from "./config/index.ts";
export { type AgentCore, type AgentCoreDeps, createAgentCore, type LinkTrust } from "./core.ts";
export { agentErrors } from "./errors.ts";
export type { AgentHealth } from "./health/agent-health.ts";
export { agentLimits } from "./limits.ts";
export type { AgentState, Identities, IdentitySubscription, WorkloadIdentity, WorkloadView } from "./ports.ts";
export { type Agent, type StartAgentOptions, startAgent } from "./start-agent.ts";
