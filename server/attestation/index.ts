export { JoinTokenAttestor, joinTokenGone } from "./join-token/join-token-attestor.ts";
export { isJoinTokenValue } from "./join-token/join-token-value.ts";
export type { Challenge, NodeAttestationResult, NodeAttestor } from "./node-attestor.ts";
