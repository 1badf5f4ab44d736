import { generateKey } from "../certs/index.ts";
import type { Clock, Logger, Metrics, Random } from "../runtime/core/index.ts";
import type { TrustDomain } from "../spiffe/index.ts";
import { joinTokenAttestor } from "./attestation/node/join-token.ts";
import type { NodeAttestor } from "./attestation/node/node-attestor.ts";
import { x509popAttestor } from "./attestation/node/x509pop.ts";
import type { BootstrapSource } from "./bootstrap/bundle-source.ts";
import { bundleFile, bundleUrl, insecureBootstrap, noBootstrap } from "./bootstrap/sources.ts";
import type { AgentConfig, BootstrapConfig, NodeAttestorConfig } from "./config/index.ts";
import { type AgentCore, createAgentCore } from "./core.ts";
import { workloadKeyMaker } from "./identities/workload-keys.ts";
import { GrpcLink } from "./link/grpc-link.ts";
import { NodeFiles } from "./storage/node-files.ts";
import { TmpfsWorkloadStore } from "./storage/tmpfs-workload-store.ts";
import { type AgentEvents, createAgentEvents } from "./telemetry/events.ts";

export interface AgentSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
}

/** The core with the adapters that a real agent has: files, sockets, OpenSSL. */
export async function composeCore(
  config: AgentConfig,
  surroundings: AgentSurroundings,
  workloadStreams: () => number,
): Promise<AgentCore> {
  const { clock, random, logger, metrics, version } = surroundings;
  const { trustDomain } = config;
  const events: AgentEvents = createAgentEvents(logger, metrics);
  return createAgentCore({
    clock,
    random,
    events,
    trustDomain,
    agentVersion: version,
    createLink: (trust) => new GrpcLink({ address: config.server, trustDomain, clock, ...trust }),
    nodeStore: await NodeFiles.open(config.dataDir, trustDomain),
    workloadStore: await TmpfsWorkloadStore.open(config.workloadStateDir, events),
    attestor: nodeAttestor(config.attestor, random),
    bootstrap: bootstrapSource(trustDomain, config.bootstrap),
    rebootstrap: config.rebootstrap,
    makeNodeKey: () => generateKey("ec-p256"),
    makeWorkloadKey: workloadKeyMaker(config.workloadKeyType),
    x509CacheMaxSize: config.x509CacheMaxSize,
    jwtCacheMaxSize: config.jwtCacheMaxSize,
    syncIntervalMs: config.syncIntervalMs,
    workloadStreams,
  });
}

function nodeAttestor(config: NodeAttestorConfig, random: Random): NodeAttestor {
  return config.kind === "x509pop" ? x509popAttestor(config.files, random) : joinTokenAttestor(config.token);
}

function bootstrapSource(trustDomain: TrustDomain, config: BootstrapConfig): BootstrapSource {
  switch (config.kind) {
    case "file":
      return bundleFile(trustDomain, config.path);
    case "url":
      return bundleUrl(trustDomain, config.url);
    case "insecure":
      return insecureBootstrap;
    case "none":
      return noBootstrap;
  }
}
