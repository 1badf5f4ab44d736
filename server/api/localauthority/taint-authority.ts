import type { AuthorityKind, AuthorityRecord } from "../../domain/authority.ts";
import { unaryRpc } from "../rpc.ts";
import { kindNames, type LocalAuthorityNeeds, localAuthorityPath } from "./needs.ts";

/** Has everything replaced that an old authority signed. Errors: ERR_AUTHORITY_ID, ERR_AUTHORITY_TRANSITION, ERR_UPSTREAM_AUTHORITY, ERR_JWT_DISABLED. */
function taintAuthority(kind: AuthorityKind) {
  return unaryRpc<LocalAuthorityNeeds, { readonly id: string }, AuthorityRecord>({
    method: `${localAuthorityPath}/Taint${kindNames[kind]}Authority`,
    callers: ["local", "admin"],
    audit: { kind: "change", fields: ({ id }) => ({ authority_id: id }) },
    handle: ({ localAuthorities }, { id }) => localAuthorities.taint(kind, id),
  });
}

export const taintX509Authority = taintAuthority("x509");
export const taintJwtAuthority = taintAuthority("jwt");
