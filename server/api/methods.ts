import { attestAgent } from "./agent/attest-agent.ts";
import { banAgent } from "./agent/ban-agent.ts";
import { countAgents } from "./agent/count-agents.ts";
import { createJoinToken } from "./agent/create-join-token.ts";
import { deleteAgent } from "./agent/delete-agent.ts";
import { getAgent } from "./agent/get-agent.ts";
import { listAgents } from "./agent/list-agents.ts";
import { postStatus } from "./agent/post-status.ts";
import { renewAgent } from "./agent/renew-agent.ts";
import { appendBundle } from "./bundle/append-bundle.ts";
import { batchCreateFederatedBundle } from "./bundle/batch-create-federated-bundle.ts";
import { batchDeleteFederatedBundle } from "./bundle/batch-delete-federated-bundle.ts";
import { batchSetFederatedBundle } from "./bundle/batch-set-federated-bundle.ts";
import { batchUpdateFederatedBundle } from "./bundle/batch-update-federated-bundle.ts";
import { countBundles } from "./bundle/count-bundles.ts";
import { getBundle } from "./bundle/get-bundle.ts";
import { getFederatedBundle } from "./bundle/get-federated-bundle.ts";
import { listFederatedBundles } from "./bundle/list-federated-bundles.ts";
import { publishJwtAuthority } from "./bundle/publish-jwt-authority.ts";
import { getInfo } from "./debug/get-info.ts";
import { batchCreateEntry } from "./entry/batch-create-entry.ts";
import { batchDeleteEntry } from "./entry/batch-delete-entry.ts";
import { batchUpdateEntry } from "./entry/batch-update-entry.ts";
import { countEntries } from "./entry/count-entries.ts";
import { getAuthorizedEntries } from "./entry/get-authorized-entries.ts";
import { getEntry } from "./entry/get-entry.ts";
import { listEntries } from "./entry/list-entries.ts";
import { syncAuthorizedEntries } from "./entry/sync-authorized-entries.ts";
import { checkHealth } from "./health/check.ts";
import { activateJwtAuthority, activateX509Authority } from "./localauthority/activate-authority.ts";
import { getJwtAuthorityState, getX509AuthorityState } from "./localauthority/get-authority-state.ts";
import { prepareJwtAuthority, prepareX509Authority } from "./localauthority/prepare-authority.ts";
import { revokeJwtAuthority, revokeX509Authority } from "./localauthority/revoke-authority.ts";
import { revokeX509UpstreamAuthority } from "./localauthority/revoke-upstream-authority.ts";
import { taintJwtAuthority, taintX509Authority } from "./localauthority/taint-authority.ts";
import { taintX509UpstreamAuthority } from "./localauthority/taint-upstream-authority.ts";
import { getLogger } from "./logger/get-logger.ts";
import { resetLogLevel } from "./logger/reset-log-level.ts";
import { setLogLevel } from "./logger/set-log-level.ts";
import { checkRevocation } from "./revocation/check-revocation.ts";
import { distrust } from "./revocation/distrust.ts";
import { revoke } from "./revocation/revoke.ts";
import type { RpcDeclaration } from "./rpc.ts";
import { batchNewX509Svid } from "./svid/batch-new-x509-svid.ts";
import { mintJwtSvid } from "./svid/mint-jwt-svid.ts";
import { mintX509Svid } from "./svid/mint-x509-svid.ts";
import { newDownstreamX509Ca } from "./svid/new-downstream-x509-ca.ts";
import { newJwtSvid } from "./svid/new-jwt-svid.ts";
import { listConnections } from "./sync/list-connections.ts";
import { openSync } from "./sync/open.ts";
import { waitApplied } from "./sync/wait-applied.ts";
import { batchCreateFederationRelationship } from "./trust-domain/batch-create-federation-relationship.ts";
import { batchDeleteFederationRelationship } from "./trust-domain/batch-delete-federation-relationship.ts";
import { batchUpdateFederationRelationship } from "./trust-domain/batch-update-federation-relationship.ts";
import { getFederationRelationship } from "./trust-domain/get-federation-relationship.ts";
import { listFederationRelationships } from "./trust-domain/list-federation-relationships.ts";
import { refreshBundle } from "./trust-domain/refresh-bundle.ts";

/** Every RPC that is served, with its declaration. What is not here answers Unimplemented. */
export const servedRpcs: readonly RpcDeclaration<never, never>[] = [
  activateJwtAuthority,
  activateX509Authority,
  appendBundle,
  attestAgent,
  banAgent,
  batchCreateEntry,
  batchCreateFederatedBundle,
  batchCreateFederationRelationship,
  batchDeleteEntry,
  batchDeleteFederatedBundle,
  batchDeleteFederationRelationship,
  batchNewX509Svid,
  batchSetFederatedBundle,
  batchUpdateEntry,
  batchUpdateFederatedBundle,
  batchUpdateFederationRelationship,
  checkHealth,
  checkRevocation,
  countAgents,
  countBundles,
  countEntries,
  createJoinToken,
  deleteAgent,
  distrust,
  getAgent,
  getAuthorizedEntries,
  getBundle,
  getEntry,
  getFederatedBundle,
  getFederationRelationship,
  getInfo,
  getJwtAuthorityState,
  getLogger,
  getX509AuthorityState,
  listAgents,
  listConnections,
  listEntries,
  listFederatedBundles,
  listFederationRelationships,
  mintJwtSvid,
  mintX509Svid,
  newDownstreamX509Ca,
  newJwtSvid,
  openSync,
  postStatus,
  prepareJwtAuthority,
  prepareX509Authority,
  publishJwtAuthority,
  refreshBundle,
  renewAgent,
  resetLogLevel,
  revoke,
  revokeJwtAuthority,
  revokeX509Authority,
  revokeX509UpstreamAuthority,
  setLogLevel,
  syncAuthorizedEntries,
  taintJwtAuthority,
  taintX509Authority,
  taintX509UpstreamAuthority,
  waitApplied,
];

/** Methods on the wire that this release does not serve. A new method must be put here or above (methods.test.ts). */
export const unservedMethods: readonly string[] = [
  "/grpc.health.v1.Health/Watch",
  "/spire.api.server.bundle.v1.Bundle/PublishWITAuthority",
  "/spire.api.server.localauthority.v1.LocalAuthority/ActivateWITAuthority",
  "/spire.api.server.localauthority.v1.LocalAuthority/GetWITAuthorityState",
  "/spire.api.server.localauthority.v1.LocalAuthority/PrepareWITAuthority",
  "/spire.api.server.localauthority.v1.LocalAuthority/RevokeWITAuthority",
  "/spire.api.server.localauthority.v1.LocalAuthority/TaintWITAuthority",
  "/spire.api.server.svid.v1.SVID/BatchNewWITSVID",
  "/spire.api.server.svid.v1.SVID/MintWITSVID",
];
