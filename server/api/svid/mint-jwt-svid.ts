import type { IssuedJwtSvid } from "../../../proto/domain/link.ts";
import type { SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { serverErrors } from "../../errors.ts";
import type { Issuance } from "../../issuance/ports.ts";
import { unaryRpc } from "../rpc.ts";
import { checkMintedId } from "./minted-id.ts";

export interface MintJwtSvidNeeds {
  readonly trustDomain: TrustDomain;
  readonly issuance: Pick<Issuance, "issueJwtSvid">;
}

export interface MintJwtSvidRequest {
  readonly id: SpiffeId;
  readonly audience: readonly string[];
  /** Seconds; 0 = the server's default. */
  readonly ttl: number;
}

/**
 * A JWT-SVID without an entry, on an administrator's word. Errors: ERR_MALFORMED_REQUEST, ERR_MINT_REFUSED,
 * ERR_SVID_AUDIENCE, ERR_JWT_DISABLED, ERR_AUTHORITY_UNAVAILABLE.
 */
export const mintJwtSvid = unaryRpc<MintJwtSvidNeeds, MintJwtSvidRequest, IssuedJwtSvid>({
  method: "/spire.api.server.svid.v1.SVID/MintJWTSVID",
  callers: ["local", "admin"],
  audit: {
    kind: "issuance",
    fields: ({ id, audience, ttl }) => ({ spiffe_id: id.toString(), audience: audience.slice(0, 8), ttl }),
    result: ({ expiresAt }) => ({ expires_at: expiresAt }),
    issued: () => ({ kind: "jwt", count: 1 }),
  },
  handle: async ({ trustDomain, issuance }, { id, audience, ttl }) => {
    if (ttl < 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", "ttl: is negative");
    checkMintedId(id, trustDomain);
    if (audience.length === 0) throw serverErrors.error("ERR_SVID_AUDIENCE", "at least one audience is required");
    return issuance.issueJwtSvid({ id, audience, ttl, notAfterCap: 0, hint: "", includeJti: false });
  },
});
