import type { KeyObject } from "node:crypto";
import { buildCsr } from "../../certs/index.ts";
import type { AttestResult, ServerLink } from "../../proto/domain/link.ts";
import { backOffMs, type Clock, type Random } from "../../runtime/core/index.ts";
import { type SpiffeBundle, type TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import { ServiceError } from "../../transport/index.ts";
import type { NodeAttestor, NodeProof } from "../attestation/node/node-attestor.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits, backOffs } from "../limits.ts";
import { deniedReason } from "../sync/denied-reason.ts";
import type { AgentEvents } from "../telemetry/events.ts";
import { type NodeIdentity, nodeIdentity } from "./node-identity.ts";

export interface AttestNodeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly trustDomain: TrustDomain;
  readonly link: Pick<ServerLink, "attest" | "getBundle">;
  readonly attestor: Pick<NodeAttestor, "type">;
  readonly events: AgentEvents;
  readonly makeKey: () => Promise<KeyObject>;
  readonly bundle: () => SpiffeBundle | undefined;
}

/** Asking again with the same proof gives the same answer. */
const finalStatuses: ReadonlySet<string> = new Set(["permissionDenied", "invalidArgument", "failedPrecondition"]);

/**
 * Proves the node once and returns what the server gave, checked: the SVID is for our key, of our trust domain, and
 * verifies under the bundle that came with it. Nothing is stored yet.
 *
 * @throws ServiceError `ERR_ATTESTATION_REFUSED`, `ERR_ATTESTATION_INCONSISTENT`, or the connection's
 */
export async function attestNode(
  deps: AttestNodeDeps,
  proof: NodeProof,
  signal: AbortSignal,
): Promise<{ readonly identity: NodeIdentity; readonly bundle: SpiffeBundle }> {
  const key = await deps.makeKey();
  const { svid, canReattest } = await converse(deps, proof, buildCsr({ key }), signal);
  const identity = nodeIdentity(deps.trustDomain, key, svid.chain, canReattest, deps.clock.now());
  const bundle = await bundleAfterAttestation(deps, signal);
  checkUnder(deps, bundle, identity);
  return { identity, bundle };
}

async function converse(
  deps: AttestNodeDeps,
  proof: NodeProof,
  csrDer: Uint8Array,
  signal: AbortSignal,
): Promise<AttestResult> {
  let challenges = 0;
  try {
    return await deps.link.attest({
      type: deps.attestor.type,
      payload: proof.payload,
      csrDer,
      signal,
      timeoutMs: agentLimits.nodeAttestTimeoutMs.value,
      answer: async (challenge) => {
        challenges += 1;
        if (challenges <= agentLimits.attestChallenges.value) return proof.answer(challenge);
        throw agentErrors.error("ERR_RESPONSE_UNUSABLE", "the server does not stop challenging");
      },
    });
  } catch (error) {
    const isFinal = error instanceof ServiceError && finalStatuses.has(error.status);
    if (!isFinal || deniedReason(error) === "agentBanned") throw error;
    throw agentErrors.error("ERR_ATTESTATION_REFUSED", `the server refused the attestation: ${error.message}`, {
      cause: error,
    });
  }
}

/** On the connection of the attestation. The proof is spent, so this must not fail for a passing reason. */
async function bundleAfterAttestation(deps: AttestNodeDeps, signal: AbortSignal): Promise<SpiffeBundle> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await deps.link.getBundle({ signal, timeoutMs: agentLimits.callTimeoutMs.value });
    } catch (error) {
      signal.throwIfAborted();
      // The bundle in hand verified the server a moment ago; the sync stream brings what is newer.
      const known = deps.bundle();
      if (known !== undefined) return known;
      const delayMs = backOffMs(failures, backOffs.attest, deps.random);
      deps.events.attestFailed(error, delayMs);
      await deps.clock.sleep(delayMs, { signal });
    }
  }
}

function checkUnder({ clock, trustDomain }: AttestNodeDeps, bundle: SpiffeBundle, { chain }: NodeIdentity): void {
  try {
    const bundles = { get: (name: TrustDomain) => (name.equals(trustDomain) ? bundle : undefined) };
    verifyX509Svid({ chain, bundles, atMs: clock.now(), usage: "client" });
  } catch (cause) {
    throw agentErrors.error("ERR_ATTESTATION_INCONSISTENT", "the agent's SVID does not verify under the bundle", {
      cause,
    });
  }
}
