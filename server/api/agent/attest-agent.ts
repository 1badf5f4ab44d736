import { Certificate } from "../../../certs/index.ts";
import type { AttestedNode } from "../../../proto/domain/agent.ts";
import type { AttestResult } from "../../../proto/domain/link.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import { type Selector, type SpiffeId, sortSelectors, type TrustDomain } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import {
  type Challenge,
  joinTokenGone,
  type NodeAttestationResult,
  type NodeAttestor,
} from "../../attestation/index.ts";
import { rateAddress } from "../../authorization/index.ts";
import { errorByCode } from "../../error-by-code.ts";
import { serverErrors } from "../../errors.ts";
import type { Issuance, X509IssueOutcome } from "../../issuance/ports.ts";
import { serverLimits } from "../../limits.ts";
import type { Registry } from "../../registry/ports.ts";
import type { AttestOutcome, NodeStore } from "../../store/ports.ts";
import type { Call, RpcDeclaration } from "../rpc.ts";
import { agentIdOf } from "./agent-id.ts";

export interface AttestAgentNeeds {
  readonly trustDomain: TrustDomain;
  readonly attestors: ReadonlyMap<string, NodeAttestor>;
  readonly issuance: Pick<Issuance, "issueX509Svids">;
  readonly registry: Pick<Registry, "node">;
  readonly store: Pick<NodeStore, "attestNode" | "findNode">;
  readonly clock: Clock;
  readonly agentTtl: number;
}

export interface AttestAgentRequest {
  readonly type: string;
  readonly payload: Uint8Array;
  readonly csrDer: Uint8Array;
}

/**
 * Node attestation: a conversation with the attestor, then an agent SVID. The node is stored, and what the attestation
 * uses up is used up, in one transaction after signing: a bad CSR costs no token.
 */
export const attestAgent: RpcDeclaration<AttestAgentRequest, AttestResult> & {
  handle(needs: AttestAgentNeeds, request: AttestAgentRequest, call: Call, ask: Challenge): Promise<AttestResult>;
} = {
  method: "/spire.api.server.agent.v1.Agent/AttestAgent",
  callers: ["any"],
  rate: { class: "attest" },
  audit: {
    kind: "issuance",
    fields: ({ type }) => ({ attestation_type: type }),
    result: ({ svid }) => ({ agent_id: svid.id.toString(), expires_at: svid.expiresAt }),
    issued: () => ({ kind: "agent", count: 1 }),
  },
  isStream: true,
  handle: async (needs, request, call, ask) => {
    checkRequest(request);
    const attestor = needs.attestors.get(request.type);
    if (attestor === undefined) {
      throw serverErrors.error(
        "ERR_ATTESTOR_UNKNOWN",
        `node attestor ${JSON.stringify(request.type)} is not configured`,
      );
    }
    const result = await converse(needs, attestor, request, call, ask);
    const id = agentIdOf(needs.trustDomain, result.path);
    // Saves a signature; that memory says so is not enough to say so.
    if (needs.registry.node(id)?.banned === true && (await needs.store.findNode(id))?.banned === true) throw banned();
    const [outcome] = await needs.issuance.issueX509Svids([
      { id, csrDer: request.csrDer, dnsNames: [], ttl: needs.agentTtl, notAfterCap: 0, hint: "", profile: "agent" },
    ]);
    if (outcome === undefined) throw commonErrors.error("ERR_INTERNAL", "issuance gave no outcome");
    if (outcome.kind === "refused") throw errorByCode(outcome.code, outcome.message);
    const nowSeconds = Math.floor(needs.clock.now() / 1000);
    const node = attestedNode(attestor.name, result, outcome, nowSeconds);
    checkStored(await needs.store.attestNode({ node, consume: result.consume, nowSeconds }), id);
    return { svid: outcome.svid, canReattest: result.canReattest };
  },
};

function checkRequest({ type, payload, csrDer }: AttestAgentRequest): void {
  const missing =
    csrDer.length === 0
      ? "missing CSR"
      : type === ""
        ? "missing attestation data type"
        : payload.length === 0
          ? "missing attestation data payload"
          : undefined;
  if (missing !== undefined) throw commonErrors.error("ERR_MALFORMED_REQUEST", `malformed param: ${missing}`);
  checkSize(payload);
}

function checkSize(bytes: Uint8Array): void {
  const max = serverLimits.attestPayloadBytes.value;
  if (bytes.length > max)
    throw commonErrors.error("ERR_MESSAGE_TOO_LARGE", `attestation data is larger than ${max} bytes`);
}

async function converse(
  needs: AttestAgentNeeds,
  attestor: NodeAttestor,
  { payload }: AttestAgentRequest,
  call: Call,
  ask: Challenge,
): Promise<NodeAttestationResult> {
  let challenges = 0;
  const boundedAsk: Challenge = async (challenge) => {
    challenges += 1;
    if (challenges > serverLimits.attestChallenges.value) {
      throw serverErrors.error("ERR_ATTESTOR_RESULT", "the node attestor challenges without end");
    }
    const answer = await ask(challenge);
    checkSize(answer);
    return answer;
  };
  const late = new AbortController();
  const timer = needs.clock.setTimer(serverLimits.attestMs.value, () => {
    late.abort(commonErrors.error("ERR_MALFORMED_REQUEST", "the agent did not finish its attestation in time"));
  });
  const signal = AbortSignal.any([call.signal, late.signal]);
  const ended = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([
      attestor.attest(payload, boundedAsk, signal, { address: rateAddress(call.caller) }),
      ended,
    ]);
  } finally {
    timer.cancel();
  }
}

function attestedNode(
  attestationType: string,
  result: NodeAttestationResult,
  { svid, serialNumber }: Extract<X509IssueOutcome, { readonly kind: "issued" }>,
  nowSeconds: number,
): AttestedNode {
  const selectors: readonly Selector[] = sortSelectors(result.selectors);
  return {
    id: svid.id,
    attestationType,
    selectors,
    serialNumber,
    expiresAt: svid.expiresAt,
    pendingSerialNumber: "",
    pendingExpiresAt: 0,
    banned: false,
    canReattest: result.canReattest,
    agentVersion: "",
    authorityId: anchorIdOf(svid.chain),
    seenAt: nowSeconds,
    syncs: false,
  };
}

/** Who signed the last certificate that is shown: the trust anchor itself is not. */
function anchorIdOf(chain: readonly Uint8Array[]): string {
  const last = chain.at(-1);
  return (last && Certificate.parse(last).authorityKeyId) ?? "";
}

function checkStored(outcome: AttestOutcome, id: SpiffeId): void {
  switch (outcome.kind) {
    case "stored":
      return;
    case "not-consumable":
      throw joinTokenGone();
    case "banned":
      throw banned();
    case "exists":
      throw serverErrors.error("ERR_ATTEST_AGAIN", `failed to attest: ${id} has attested already`);
  }
}

/** Without details, as SPIRE: a banned agent that attests again has no identity left to delete. */
function banned() {
  return serverErrors.error("ERR_ATTEST_BANNED", "failed to attest: agent is banned");
}
