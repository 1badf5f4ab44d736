import type { AttestedNode } from "../../../../proto/domain/agent.ts";
import type { NodeRow } from "../protocol.ts";
import { bit, encodeList } from "./entry.ts";
import type { SharedValues } from "./shared-values.ts";

export function encodeNode(node: AttestedNode): NodeRow {
  return [
    node.id.toString(),
    node.attestationType,
    encodeList(node.selectors),
    node.serialNumber,
    node.expiresAt,
    node.pendingSerialNumber,
    node.pendingExpiresAt,
    bit(node.banned),
    bit(node.canReattest),
    node.agentVersion,
    node.authorityId,
    node.seenAt,
    bit(node.syncs),
  ];
}

export function decodeNode(row: readonly [...NodeRow, ...unknown[]], shared: SharedValues): AttestedNode {
  return {
    id: shared.newId(row[0]),
    attestationType: row[1],
    selectors: shared.selectors(row[2]),
    serialNumber: row[3],
    expiresAt: row[4],
    pendingSerialNumber: row[5],
    pendingExpiresAt: row[6],
    banned: row[7] === 1,
    canReattest: row[8] === 1,
    agentVersion: row[9],
    authorityId: row[10],
    seenAt: row[11],
    syncs: row[12] === 1,
  };
}
