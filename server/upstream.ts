import type { Clock, Random } from "../runtime/core/index.ts";
import type { TrustDomain } from "../spiffe/index.ts";
import type { UpstreamAuthority } from "./authority/ports.ts";
import { diskUpstream } from "./authority/upstream/disk.ts";
import { selfSigned } from "./authority/upstream/self-signed.ts";
import { SpireUpstream, type WorkloadIdentity } from "./authority/upstream/spire.ts";
import type { UpstreamConfig } from "./config/index.ts";

/** Opens this process's own identity at a Workload API (`undefined`: the one the environment names). */
export type OpenWorkloadIdentity = (socket: string | undefined, signal: AbortSignal) => Promise<WorkloadIdentity>;

/** What signs the server's authorities, as configured. What it opens, `adapters` closes. */
export function openUpstream(
  config: UpstreamConfig,
  host: {
    readonly trustDomain: TrustDomain;
    readonly clock: Clock;
    readonly random: Random;
    readonly openIdentity: OpenWorkloadIdentity;
    readonly adapters: AsyncDisposableStack;
  },
): UpstreamAuthority {
  const { clock, random, trustDomain, openIdentity, adapters } = host;
  switch (config.kind) {
    case "none":
      return selfSigned(clock, random);
    case "disk":
      return diskUpstream(config, clock, random);
    case "spire":
      return adapters.use(
        new SpireUpstream({
          trustDomain,
          address: config.address,
          openIdentity: (signal) => openIdentity(config.workloadSocket, signal),
          clock,
        }),
      );
  }
}
