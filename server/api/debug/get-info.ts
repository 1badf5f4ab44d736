import type { Certificate } from "../../../certs/index.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import { SpiffeError, SpiffeId, verifyX509Svid } from "../../../spiffe/index.ts";
import type { Registry } from "../../registry/ports.ts";
import { unaryRpc } from "../rpc.ts";

export interface GetInfoNeeds {
  readonly registry: Pick<Registry, "bundle" | "bundleCount" | "nodeCount" | "entryCount">;
  readonly clock: Pick<Clock, "now">;
  /** DER, leaf first: what the TCP listener shows now. */
  readonly ownSvid: () => readonly Uint8Array[];
  readonly uptimeSeconds: () => number;
}

export interface ServerInfo {
  /** The server's own SVID as it verifies under the bundle: leaf … root. */
  readonly chain: readonly ChainCertificate[];
  readonly uptimeSeconds: number;
  readonly agents: number;
  /** Own bundle included, as SPIRE counts. */
  readonly bundles: number;
  readonly entries: number;
}

export interface ChainCertificate {
  /** `undefined`: it names none, as authorities from elsewhere may. */
  readonly id: SpiffeId | undefined;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly subject: string;
}

/** Answered from memory. Errors: ERR_INTERNAL when the server's own SVID does not verify under its bundle. */
export const getInfo = unaryRpc<GetInfoNeeds, void, ServerInfo>({
  method: "/spire.api.server.debug.v1.Debug/GetInfo",
  callers: ["local"],
  audit: { kind: "read" },
  handle: async ({ registry, clock, ownSvid, uptimeSeconds }) => {
    const bundles = { get: registry.bundle.bind(registry) };
    const { path } = verifyX509Svid({ chain: ownSvid(), bundles, atMs: clock.now(), usage: "server" });
    return {
      chain: path.map(chainCertificate),
      uptimeSeconds: uptimeSeconds(),
      agents: registry.nodeCount,
      bundles: registry.bundleCount,
      entries: registry.entryCount,
    };
  },
});

function chainCertificate(certificate: Certificate): ChainCertificate {
  return {
    id: spiffeIdOf(certificate.uriSans),
    expiresAt: Math.floor(certificate.notAfter / 1000),
    subject: certificate.subjectText(),
  };
}

/** An authority from elsewhere may be called anything. */
function spiffeIdOf([uri]: readonly string[]): SpiffeId | undefined {
  try {
    return uri === undefined ? undefined : SpiffeId.parse(uri);
  } catch (error) {
    if (error instanceof SpiffeError) return undefined;
    throw error;
  }
}
