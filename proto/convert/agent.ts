import type { AttestedNode, JoinToken } from "../domain/agent.ts";
import type { Agent, Agent__Output } from "../gen/spire/api/types/Agent.ts";
import type { JoinToken as WireJoinToken } from "../gen/spire/api/types/JoinToken.ts";
import { readCount } from "./integers.ts";
import { applyMask, type Mask, oneOf } from "./mask.ts";
import { decodeWith } from "./problems.ts";
import { encodeSelector, readSelectors } from "./selector.ts";
import { encodeSpiffeId, readSpiffeId } from "./spiffe-id.ts";

/** The fields an AgentMask names; `id` is always there. */
export const agentFields = [
  "attestation_type",
  "x509svid_serial_number",
  "x509svid_expires_at",
  "selectors",
  "banned",
  "can_reattest",
  "agent_version",
] as const;
export type AgentField = (typeof agentFields)[number];
export type AgentMask = Mask<AgentField>;
const isAgentField = oneOf(agentFields);

export function encodeAgent(node: AttestedNode, mask?: AgentMask): Agent {
  const whole: Agent = {
    id: encodeSpiffeId(node.id),
    attestation_type: node.attestationType,
    x509svid_serial_number: node.serialNumber,
    x509svid_expires_at: node.expiresAt,
    selectors: node.selectors.map(encodeSelector),
    banned: node.banned,
    can_reattest: node.canReattest,
    agent_version: node.agentVersion,
  };
  return mask === undefined ? whole : applyMask(whole, mask, isAgentField);
}

type Internal = "pendingSerialNumber" | "pendingExpiresAt" | "authorityId" | "seenAt" | "syncs";

/** A node as far as the wire tells: what is pending, and what a revocation asks for, stays with the server. */
export type AgentRecord = Omit<AttestedNode, Internal>;

/** Throws `ERR_MALFORMED_REQUEST` naming every bad field. */
export function decodeAgent(wire: Agent__Output): AgentRecord {
  return decodeWith((problems) => {
    const id = readSpiffeId(problems, "id", wire.id);
    const rest = {
      attestationType: wire.attestation_type,
      selectors: readSelectors(problems, "selectors", wire.selectors),
      serialNumber: wire.x509svid_serial_number,
      expiresAt: readCount(problems, "x509svid_expires_at", wire.x509svid_expires_at),
      banned: wire.banned,
      canReattest: wire.can_reattest,
      agentVersion: wire.agent_version,
    };
    return id === undefined ? undefined : { id, ...rest };
  });
}

export function encodeJoinToken(token: JoinToken): WireJoinToken {
  return { value: token.value, expires_at: token.expiresAt };
}
