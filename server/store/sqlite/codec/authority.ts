import type { AuthorityKind, AuthorityRecord, AuthorityState } from "../../../domain/authority.ts";
import type { AuthorityRow } from "../protocol.ts";
import { ownBytes } from "./bundle.ts";

const kinds: readonly AuthorityKind[] = ["x509", "jwt"];
const states: readonly AuthorityState[] = ["preparing", "prepared", "active", "old", "tainted", "revoked"];

export function encodeAuthority(record: AuthorityRecord): AuthorityRow {
  return [
    record.kind,
    record.id,
    record.serverId,
    record.state,
    record.keyId,
    ownBytes(record.publicKey),
    record.upstreamId,
    record.issuedAt,
    record.notAfter,
    record.changedAt,
    record.chain.map(ownBytes),
    record.anchors.map(ownBytes),
  ];
}

export function decodeAuthority(row: AuthorityRow): AuthorityRecord {
  const [kind, id, serverId, state, keyId, publicKey, upstreamId, issuedAt, notAfter, changedAt, chain, anchors] = row;
  return {
    kind: oneOf(kinds, kind),
    id,
    serverId,
    state: oneOf(states, state),
    keyId,
    chain: chain.map(ownBytes),
    anchors: anchors.map(ownBytes),
    publicKey: ownBytes(publicKey),
    upstreamId,
    issuedAt,
    notAfter,
    changedAt,
  };
}

function oneOf<T extends string>(values: readonly T[], text: string): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw new TypeError("a stored authority has an unknown kind or state");
  return found;
}
