import type { RevocableAuthority, RevocationCheck } from "../../../proto/domain/revocation.ts";
import type { AuthorityOperations } from "../../authority/ports.ts";
import type { AuthorityRecord } from "../../domain/authority.ts";
import { serverErrors } from "../../errors.ts";
import { checkRevocation, type RevocationSafetyDeps } from "../../revocation/index.ts";
import type { AuditFields } from "../../telemetry/index.ts";
import { unaryRpc } from "../rpc.ts";

export interface RevocationNeeds extends Pick<RevocationSafetyDeps, "ownSvid"> {
  readonly localAuthorities: AuthorityOperations;
  readonly revocation: Omit<RevocationSafetyDeps, "ownSvid">;
}

export interface RevocationResult {
  /** Local authority, or the trust anchor above. */
  readonly id: string;
  /** What rested on it all the same. */
  readonly overridden: RevocationCheck;
}

export interface RevokeRequest {
  readonly authority: RevocableAuthority;
  readonly force: boolean;
}

/**
 * Takes a tainted authority out of the bundle when nothing is known to rest on it, or when forced. Errors:
 * ERR_REVOCATION_UNSAFE, ERR_AUTHORITY_ID, ERR_AUTHORITY_TRANSITION, ERR_UPSTREAM_AUTHORITY, ERR_JWT_DISABLED.
 */
export const revoke = unaryRpc<RevocationNeeds, RevokeRequest, RevocationResult>({
  method: "/countersign.server.localauthority.v1.Revocation/Revoke",
  callers: ["local", "admin"],
  audit: {
    kind: "change",
    fields: ({ authority: { kind, id }, force }) => ({ authority_kind: kind, authority_id: id, force }),
    result: overriddenFields,
  },
  handle: (needs, { authority, force }) => revokeAuthority(needs, authority, force),
});

export async function revokeAuthority(
  needs: RevocationNeeds,
  authority: RevocableAuthority,
  force: boolean,
): Promise<RevocationResult> {
  const { localAuthorities } = needs;
  const { kind, id } = authority;
  const overridden = checkRevocation(safetyDeps(needs), await revocableRecords(localAuthorities, authority));
  if (!force && overridden.obstacles.length > 0) throw unsafe(overridden);
  if (kind === "upstream") return { id: await localAuthorities.revokeUpstream(id), overridden };
  return { id: (await localAuthorities.revoke(kind, id)).id, overridden };
}

/** The records that would be revoked. */
export async function revocableRecords(
  localAuthorities: AuthorityOperations,
  { kind, id }: RevocableAuthority,
): Promise<readonly AuthorityRecord[]> {
  return kind === "upstream" ? localAuthorities.revocableUpstream(id) : [await localAuthorities.revocable(kind, id)];
}

export function safetyDeps({ revocation, ownSvid }: RevocationNeeds): RevocationSafetyDeps {
  return { ...revocation, ownSvid };
}

/** For the audit record: what was cut off. */
export function overriddenFields({ overridden: { obstacles } }: RevocationResult): AuditFields {
  const named = obstacles.slice(0, 100).map(({ reason, agentId }) => `${reason} ${agentId ?? ""}`.trimEnd());
  return obstacles.length === 0 ? {} : { obstacles_overridden: obstacles.length, obstacles: named };
}

function unsafe({ obstacles }: RevocationCheck): Error {
  const [first] = obstacles;
  const more = obstacles.length > 1 ? ` (and ${obstacles.length - 1} more obstacles)` : "";
  const who = first?.agentId === undefined ? "" : `${first.agentId.toString()}: `;
  return serverErrors.error("ERR_REVOCATION_UNSAFE", `${who}${first?.message ?? ""}${more}`);
}
