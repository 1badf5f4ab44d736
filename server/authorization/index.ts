export { type AgentSighting, AgentSightings } from "./agent-sightings.ts";
export { AgentStanding, agentRefusal } from "./agent-standing.ts";
export { AuthorityTrust, authorityIds } from "./authority-trust.ts";
export {
  type AccessItem,
  type Authorizer,
  type CallerClass,
  ClassAuthorizer,
  type Decision,
  type GuardedMethod,
} from "./authorizer.ts";
export {
  type AnonymousCaller,
  type Caller,
  callerFields,
  callerOf,
  type LocalCaller,
  rateAddress,
  rateAgent,
  type SvidCaller,
  svidCaller,
} from "./caller.ts";
export { OpenCalls } from "./open-calls.ts";
