export { AgentSession, type SyncDeps, type SyncSink } from "./agent-session.ts";
export { type AgentConnection, ConnectionTable } from "./connections.ts";
export { type AgentDelivery, type WaitAppliedDeps, waitApplied } from "./wait-applied.ts";
