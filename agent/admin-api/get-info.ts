import type { Certificate } from "../../certs/index.ts";
import { encodeSpiffeId } from "../../proto/convert/spiffe-id.ts";
import type { GetInfoResponse } from "../../proto/gen/spire/agent/debug/v1/GetInfoResponse.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { SpiffeError, SpiffeId, type TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import type { AgentInfo } from "../core.ts";
import { agentErrors } from "../errors.ts";

export interface GetInfoDeps {
  readonly info: () => AgentInfo;
  readonly clock: Clock;
  /** Of `clock.monotonic()`. */
  readonly startedAt: number;
}

/**
 * What an operator asks a running agent: who it is, since when, and what it holds. The chain is the agent's SVID as it
 * verifies, leaf to root.
 *
 * @throws ServiceError `ERR_AGENT_NOT_READY` before it has an identity, `ERR_AGENT_SVID_EXPIRED` when that does not
 * verify now
 */
export function getInfo({ info, clock, startedAt }: GetInfoDeps): () => Promise<GetInfoResponse> {
  return async () => {
    const now = info();
    return {
      svid_chain: verifiedPath(now, clock.now()).map(encodeCertificate),
      uptime: Math.floor((clock.monotonic() - startedAt) / 1000),
      svids_count: now.x509Svids,
      cached_x509_svids_count: now.x509Svids,
      cached_jwt_svids_count: now.jwtSvids,
      cached_svidstore_x509_svids_count: 0,
      last_sync_success: Math.floor((now.lastSyncAtMs ?? 0) / 1000),
    };
  };
}

function verifiedPath({ chain, bundle }: AgentInfo, atMs: number): readonly Certificate[] {
  if (chain === undefined) throw agentErrors.error("ERR_AGENT_NOT_READY", "the agent has no identity yet");
  const bundles = { get: (name: TrustDomain) => (name.equals(bundle.trustDomain) ? bundle : undefined) };
  try {
    return verifyX509Svid({ chain, bundles, atMs, usage: "client" }).path;
  } catch (cause) {
    if (!(cause instanceof SpiffeError)) throw cause;
    throw agentErrors.error("ERR_AGENT_SVID_EXPIRED", `the agent's SVID does not verify: ${cause.message}`, { cause });
  }
}

function encodeCertificate(certificate: Certificate) {
  const id = spiffeIdOf(certificate.uriSans);
  return {
    expires_at: Math.floor(certificate.notAfter / 1000),
    subject: certificate.subjectText(),
    ...(id === undefined ? {} : { id: encodeSpiffeId(id) }),
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
