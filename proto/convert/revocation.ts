import {
  type RevocableAuthority,
  type RevocationCheck,
  type RevocationObstacle,
  revocableKinds,
} from "../domain/revocation.ts";
import type { Authority__Output } from "../gen/countersign/server/localauthority/v1/Authority.ts";
import type { CheckRevocationResponse } from "../gen/countersign/server/localauthority/v1/CheckRevocationResponse.ts";
import type { Obstacle } from "../gen/countersign/server/localauthority/v1/Obstacle.ts";
import { oneOf } from "./mask.ts";
import { decodeWith } from "./problems.ts";
import { encodeSpiffeId } from "./spiffe-id.ts";

const isRevocableKind = oneOf(revocableKinds);

/** Throws `ERR_MALFORMED_REQUEST`. Whether there is such an authority is found out later. */
export function decodeRevocable(wire: Authority__Output | null): RevocableAuthority {
  return decodeWith((problems) => {
    const kind = wire?.kind ?? "";
    if (isRevocableKind(kind)) return { kind, id: wire?.id ?? "" };
    problems.add("authority.kind", `must be one of ${revocableKinds.join(", ")}`);
    return undefined;
  });
}

export function encodeRevocationCheck({ obstacles, unknowns }: RevocationCheck): CheckRevocationResponse {
  return { safe: obstacles.length === 0, obstacles: obstacles.map(encodeObstacle), unknowns: [...unknowns] };
}

export function encodeObstacle({ reason, message, agentId, until }: RevocationObstacle): Obstacle {
  return { reason, message, until, ...(agentId === undefined ? {} : { agent_id: encodeSpiffeId(agentId) }) };
}
