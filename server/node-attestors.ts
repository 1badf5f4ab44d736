import { type Logger, systemClock, systemRandom } from "../runtime/core/index.ts";
import { CaBundleFiles, type NodeAttestor, OwnAuthorities, X509PopAttestor } from "./attestation/index.ts";
import type { ServerConfig } from "./config/index.ts";
import type { ServerCoreDeps } from "./core.ts";

/** The attestor with its real adapters. @throws ERR_X509POP_CA_BUNDLE */
export async function x509popAttestor(
  { trustDomain, nodeAttestors: { x509pop } }: ServerConfig,
  logger: Logger,
): Promise<NonNullable<ServerCoreDeps["attestors"]>> {
  if (x509pop === undefined) return () => [];
  const { mode } = x509pop;
  const files = mode.kind === "external_pki" ? await CaBundleFiles.open(mode.caBundlePaths, logger) : undefined;
  return (registry): readonly NodeAttestor[] => {
    const anchors = files ?? new OwnAuthorities(trustDomain, registry);
    return [new X509PopAttestor(x509pop, { trustDomain, anchors, clock: systemClock, random: systemRandom })];
  };
}
