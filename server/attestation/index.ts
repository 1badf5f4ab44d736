export { JoinTokenAttestor, joinTokenGone } from "./join-token/join-token-attestor.ts";
export { isJoinTokenValue, newJoinTokenValue } from "./join-token/join-token-value.ts";
export type { Challenge, NodeAttestationResult, NodeAttestor } from "./node-attestor.ts";
