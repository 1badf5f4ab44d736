import type { IssuedJwtSvid } from "../../../proto/domain/link.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { ServiceError } from "../../../transport/errors/service-error.ts";
import type { Issuance } from "../../issuance/ports.ts";
import { callingAgent } from "../calling-agent.ts";
import { unaryRpc } from "../rpc.ts";
import { type AuthorizedNeeds, authorizedEntries } from "./authorized.ts";

export interface NewJwtSvidNeeds extends AuthorizedNeeds {
  readonly issuance: Pick<Issuance, "issueJwtSvid">;
}

export interface NewJwtSvidRequest {
  readonly entryId: string;
  readonly audience: readonly string[];
}

/** Errors: ERR_MALFORMED_REQUEST, ERR_SVID_AUDIENCE, ERR_ENTRY_NOT_FOUND, ERR_STORE_UNAVAILABLE, ERR_AUTHORITY_UNAVAILABLE. */
export const newJwtSvid = unaryRpc<NewJwtSvidNeeds, NewJwtSvidRequest, IssuedJwtSvid>({
  method: "/spire.api.server.svid.v1.SVID/NewJWTSVID",
  callers: ["agent"],
  rate: { class: "jwt", weight: () => 1 },
  audit: {
    kind: "issuance",
    fields: ({ entryId, audience }) => ({ entry_id: entryId, audience: audience.slice(0, 8) }),
    result: (svid) => ({ spiffe_id: svid.id.toString(), expires_at: svid.expiresAt }),
    issued: () => ({ kind: "jwt", count: 1 }),
  },
  handle: async (needs, { entryId, audience }, call) => {
    if (entryId === "") throw commonErrors.error("ERR_MALFORMED_REQUEST", "missing entry ID");
    const found = await authorizedEntries(needs, callingAgent(call).id, [entryId], call);
    const entry = found.get(entryId);
    if (entry === undefined) throw new TypeError("a looked up entry has no outcome");
    if (entry instanceof ServiceError) throw entry;
    const item = { kind: "entry", id: entryId, spiffeId: entry.spiffeId, parentId: entry.parentId } as const;
    const refusal = await call.refusalOf(item);
    if (refusal !== undefined) throw refusal;
    return needs.issuance.issueJwtSvid({
      id: entry.spiffeId,
      audience,
      ttl: entry.jwtSvidTtl,
      notAfterCap: entry.expiresAt,
      hint: entry.hint,
      includeJti: entry.additionalAttributes?.jwtSvidIncludeJti ?? false,
    });
  },
});
