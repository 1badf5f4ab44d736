import type { AuthorityKind, AuthorityRecord } from "../../domain/authority.ts";
import { unaryRpc } from "../rpc.ts";
import { kindNames, type LocalAuthorityNeeds, localAuthorityPath } from "./needs.ts";

/** Lets the prepared authority sign; the active one retires. Errors: ERR_AUTHORITY_ID, ERR_AUTHORITY_TRANSITION, ERR_JWT_DISABLED. */
function activateAuthority(kind: AuthorityKind) {
  return unaryRpc<LocalAuthorityNeeds, { readonly id: string }, AuthorityRecord>({
    method: `${localAuthorityPath}/Activate${kindNames[kind]}Authority`,
    callers: ["local", "admin"],
    audit: { kind: "change", fields: ({ id }) => ({ authority_id: id }) },
    handle: ({ localAuthorities }, { id }) => localAuthorities.activate(kind, id),
  });
}

export const activateX509Authority = activateAuthority("x509");
export const activateJwtAuthority = activateAuthority("jwt");
