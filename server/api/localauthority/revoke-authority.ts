import type { AuthorityKind } from "../../domain/authority.ts";
import {
  overriddenFields,
  type RevocationNeeds,
  type RevocationResult,
  revokeAuthority,
} from "../revocation/revoke.ts";
import { unaryRpc } from "../rpc.ts";
import { kindNames, localAuthorityPath } from "./needs.ts";

/**
 * Takes a tainted authority out of the bundle at once, as SPIRE does, whatever rests on it; the audit record says what
 * did. Errors: ERR_AUTHORITY_ID, ERR_AUTHORITY_TRANSITION, ERR_UPSTREAM_AUTHORITY, ERR_JWT_DISABLED.
 */
function revokeLocalAuthority(kind: AuthorityKind) {
  return unaryRpc<RevocationNeeds, { readonly id: string }, RevocationResult>({
    method: `${localAuthorityPath}/Revoke${kindNames[kind]}Authority`,
    callers: ["local", "admin"],
    audit: { kind: "change", fields: ({ id }) => ({ authority_id: id }), result: overriddenFields },
    handle: (needs, { id }) => revokeAuthority(needs, { kind, id }, true),
  });
}

export const revokeX509Authority = revokeLocalAuthority("x509");
export const revokeJwtAuthority = revokeLocalAuthority("jwt");
