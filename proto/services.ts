/**
 * The services on the wire, typed from `proto/gen`. Reading and parsing of a `.proto` source waits for the first use
 * of one of its methods.
 */
import type { RevocationDefinition } from "./gen/countersign/server/localauthority/v1/Revocation.ts";
import type { SyncDefinition } from "./gen/countersign/server/sync/v1/Sync.ts";
import type { HealthDefinition } from "./gen/grpc/health/v1/Health.ts";
import type { ServerReflectionDefinition } from "./gen/grpc/reflection/v1/ServerReflection.ts";
import type { ServerReflectionDefinition as ServerReflectionAlphaDefinition } from "./gen/grpc/reflection/v1alpha/ServerReflection.ts";
import type { SpiffeWorkloadAPIDefinition } from "./gen/SpiffeWorkloadAPI.ts";
import type { DebugDefinition as AgentDebugDefinition } from "./gen/spire/agent/debug/v1/Debug.ts";
import type { LoggerDefinition as AgentLoggerDefinition } from "./gen/spire/api/agent/logger/v1/Logger.ts";
import type { AgentDefinition } from "./gen/spire/api/server/agent/v1/Agent.ts";
import type { BundleDefinition } from "./gen/spire/api/server/bundle/v1/Bundle.ts";
import type { DebugDefinition } from "./gen/spire/api/server/debug/v1/Debug.ts";
import type { EntryDefinition } from "./gen/spire/api/server/entry/v1/Entry.ts";
import type { LocalAuthorityDefinition } from "./gen/spire/api/server/localauthority/v1/LocalAuthority.ts";
import type { LoggerDefinition } from "./gen/spire/api/server/logger/v1/Logger.ts";
import type { SVIDDefinition } from "./gen/spire/api/server/svid/v1/SVID.ts";
import type { TrustDomainDefinition } from "./gen/spire/api/server/trustdomain/v1/TrustDomain.ts";
import { ProtoSources, type ServiceMethods } from "./load.ts";

export type { MethodDefinition } from "./method.ts";

const sources = new ProtoSources();

export const agentService: ServiceMethods<AgentDefinition> = sources.service<AgentDefinition>(
  "spire/api/server/agent/v1/agent.proto",
  "spire.api.server.agent.v1.Agent",
  [
    "CountAgents",
    "ListAgents",
    "GetAgent",
    "DeleteAgent",
    "BanAgent",
    "AttestAgent",
    "RenewAgent",
    "CreateJoinToken",
    "PostStatus",
  ],
);

export const entryService: ServiceMethods<EntryDefinition> = sources.service<EntryDefinition>(
  "spire/api/server/entry/v1/entry.proto",
  "spire.api.server.entry.v1.Entry",
  [
    "CountEntries",
    "ListEntries",
    "GetEntry",
    "BatchCreateEntry",
    "BatchUpdateEntry",
    "BatchDeleteEntry",
    "GetAuthorizedEntries",
    "SyncAuthorizedEntries",
  ],
);

export const svidService: ServiceMethods<SVIDDefinition> = sources.service<SVIDDefinition>(
  "spire/api/server/svid/v1/svid.proto",
  "spire.api.server.svid.v1.SVID",
  [
    "MintX509SVID",
    "MintJWTSVID",
    "MintWITSVID",
    "BatchNewX509SVID",
    "NewJWTSVID",
    "BatchNewWITSVID",
    "NewDownstreamX509CA",
  ],
);

export const bundleService: ServiceMethods<BundleDefinition> = sources.service<BundleDefinition>(
  "spire/api/server/bundle/v1/bundle.proto",
  "spire.api.server.bundle.v1.Bundle",
  [
    "CountBundles",
    "GetBundle",
    "AppendBundle",
    "PublishJWTAuthority",
    "PublishWITAuthority",
    "ListFederatedBundles",
    "GetFederatedBundle",
    "BatchCreateFederatedBundle",
    "BatchUpdateFederatedBundle",
    "BatchSetFederatedBundle",
    "BatchDeleteFederatedBundle",
  ],
);

export const debugService: ServiceMethods<DebugDefinition> = sources.service<DebugDefinition>(
  "spire/api/server/debug/v1/debug.proto",
  "spire.api.server.debug.v1.Debug",
  ["GetInfo"],
);

export const loggerService: ServiceMethods<LoggerDefinition> = sources.service<LoggerDefinition>(
  "spire/api/server/logger/v1/logger.proto",
  "spire.api.server.logger.v1.Logger",
  ["GetLogger", "SetLogLevel", "ResetLogLevel"],
);

export const trustDomainService: ServiceMethods<TrustDomainDefinition> = sources.service<TrustDomainDefinition>(
  "spire/api/server/trustdomain/v1/trustdomain.proto",
  "spire.api.server.trustdomain.v1.TrustDomain",
  [
    "ListFederationRelationships",
    "GetFederationRelationship",
    "BatchCreateFederationRelationship",
    "BatchUpdateFederationRelationship",
    "BatchDeleteFederationRelationship",
    "RefreshBundle",
  ],
);

export const localAuthorityService: ServiceMethods<LocalAuthorityDefinition> =
  sources.service<LocalAuthorityDefinition>(
    "spire/api/server/localauthority/v1/localauthority.proto",
    "spire.api.server.localauthority.v1.LocalAuthority",
    [
      "GetJWTAuthorityState",
      "PrepareJWTAuthority",
      "ActivateJWTAuthority",
      "TaintJWTAuthority",
      "RevokeJWTAuthority",
      "GetX509AuthorityState",
      "PrepareX509Authority",
      "ActivateX509Authority",
      "TaintX509Authority",
      "TaintX509UpstreamAuthority",
      "RevokeX509Authority",
      "RevokeX509UpstreamAuthority",
      "GetWITAuthorityState",
      "PrepareWITAuthority",
      "ActivateWITAuthority",
      "TaintWITAuthority",
      "RevokeWITAuthority",
    ],
  );

export const revocationService: ServiceMethods<RevocationDefinition> = sources.service<RevocationDefinition>(
  "countersign/server/localauthority/v1/revocation.proto",
  "countersign.server.localauthority.v1.Revocation",
  ["CheckRevocation", "Revoke", "Distrust"],
);

export const syncService: ServiceMethods<SyncDefinition> = sources.service<SyncDefinition>(
  "countersign/server/sync/v1/sync.proto",
  "countersign.server.sync.v1.Sync",
  ["Open", "WaitApplied", "ListConnections"],
);

/** On an agent's admin socket. */
export const agentDebugService: ServiceMethods<AgentDebugDefinition> = sources.service<AgentDebugDefinition>(
  "spire/agent/debug/v1/debug.proto",
  "spire.agent.debug.v1.Debug",
  ["GetInfo"],
);

/** On an agent's admin socket. */
export const agentLoggerService: ServiceMethods<AgentLoggerDefinition> = sources.service<AgentLoggerDefinition>(
  "spire/api/agent/logger/v1/logger.proto",
  "spire.api.agent.logger.v1.Logger",
  ["GetLogger", "SetLogLevel", "ResetLogLevel"],
);

export const healthService: ServiceMethods<HealthDefinition> = sources.service<HealthDefinition>(
  "grpc/health/v1/health.proto",
  "grpc.health.v1.Health",
  ["Check", "Watch"],
);

export const reflectionService: ServiceMethods<ServerReflectionDefinition> =
  sources.service<ServerReflectionDefinition>(
    "grpc/reflection/v1/reflection.proto",
    "grpc.reflection.v1.ServerReflection",
    ["ServerReflectionInfo"],
  );

/** What older tools ask for; the same but for its name. */
export const reflectionAlphaService: ServiceMethods<ServerReflectionAlphaDefinition> =
  sources.service<ServerReflectionAlphaDefinition>(
    "grpc/reflection/v1alpha/reflection.proto",
    "grpc.reflection.v1alpha.ServerReflection",
    ["ServerReflectionInfo"],
  );

export const workloadApiService: ServiceMethods<SpiffeWorkloadAPIDefinition> =
  sources.service<SpiffeWorkloadAPIDefinition>("spiffe/workload/workload.proto", "SpiffeWorkloadAPI", [
    "FetchX509SVID",
    "FetchX509Bundles",
    "FetchJWTSVID",
    "FetchJWTBundles",
    "ValidateJWTSVID",
    "FetchWITSVID",
    "FetchWITBundles",
  ]);
