import { commonErrors } from "../../transport/errors/common.ts";
import type { AttestResult } from "../domain/link.ts";
import type {
  AttestAgentRequest,
  AttestAgentRequest__Output,
} from "../gen/spire/api/server/agent/v1/AttestAgentRequest.ts";
import type {
  AttestAgentResponse,
  AttestAgentResponse__Output,
} from "../gen/spire/api/server/agent/v1/AttestAgentResponse.ts";
import { decodeX509Svid, encodeX509Svid } from "./svid.ts";

export interface AttestStart {
  readonly type: string;
  readonly payload: Uint8Array;
  readonly csrDer: Uint8Array;
}

export function encodeAttestStart({ type, payload, csrDer }: AttestStart): AttestAgentRequest {
  return { params: { data: { type, payload: Buffer.from(payload) }, params: { csr: Buffer.from(csrDer) } } };
}

export function encodeChallengeResponse(answer: Uint8Array): AttestAgentRequest {
  return { challenge_response: Buffer.from(answer) };
}

/** The first message of an attestation; every part is needed (the texts are SPIRE's). Throws `ERR_MALFORMED_REQUEST`. */
export function decodeAttestStart(wire: AttestAgentRequest__Output): AttestStart {
  const outer = wire.params ?? missing("params");
  const data = outer.data ?? missing("attestation data");
  const inner = outer.params ?? missing("X509-SVID parameters");
  if (inner.csr.length === 0) missing("CSR");
  if (data.type === "") missing("attestation data type");
  if (data.payload.length === 0) missing("attestation data payload");
  return { type: data.type, payload: data.payload, csrDer: inner.csr };
}

/** A later message of an attestation. Throws `ERR_MALFORMED_REQUEST`. */
export function decodeChallengeResponse(wire: AttestAgentRequest__Output): Uint8Array {
  return wire.challenge_response ?? missing("challenge response");
}

export type AttestStep =
  | { readonly kind: "challenge"; readonly challenge: Uint8Array }
  | { readonly kind: "result"; readonly result: AttestResult };

export function encodeAttestStep(step: AttestStep): AttestAgentResponse {
  if (step.kind === "challenge") return { challenge: Buffer.from(step.challenge) };
  const { svid, canReattest } = step.result;
  return { result: { svid: encodeX509Svid(svid), reattestable: canReattest } };
}

/** Throws `ERR_MALFORMED_REQUEST`. */
export function decodeAttestStep(wire: AttestAgentResponse__Output): AttestStep {
  if (wire.challenge !== undefined) return { kind: "challenge", challenge: wire.challenge };
  const result = wire.result ?? missing("result");
  return {
    kind: "result",
    result: { svid: decodeX509Svid(result.svid, "result.svid"), canReattest: result.reattestable },
  };
}

function missing(what: string): never {
  throw commonErrors.error("ERR_MALFORMED_REQUEST", `malformed param: missing ${what}`);
}
