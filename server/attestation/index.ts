export { JoinTokenAttestor, joinTokenAttestorName, joinTokenGone } from "./join-token/join-token-attestor.ts";
export { isJoinTokenValue, newJoinTokenValue } from "./join-token/join-token-value.ts";
export type { AttestationContext, Challenge, NodeAttestationResult, NodeAttestor } from "./node-attestor.ts";
export { CaBundleFiles } from "./x509pop/ca-bundle-files.ts";
export { OwnAuthorities } from "./x509pop/own-authorities.ts";
export { AgentPathTemplate } from "./x509pop/path-template/path-template.ts";
export { X509PopAttestor } from "./x509pop/x509pop-attestor.ts";
