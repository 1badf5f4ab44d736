import type { AuthorityKind, AuthorityRecord } from "../../domain/authority.ts";
import { unaryRpc } from "../rpc.ts";
import { kindNames, type LocalAuthorityNeeds, localAuthorityPath } from "./needs.ts";

/** A new authority in the bundle, in place of one that was prepared before. Errors: ERR_AUTHORITY_…, ERR_JWT_DISABLED, ERR_KEY_…. */
function prepareAuthority(kind: AuthorityKind) {
  return unaryRpc<LocalAuthorityNeeds, void, AuthorityRecord>({
    method: `${localAuthorityPath}/Prepare${kindNames[kind]}Authority`,
    callers: ["local", "admin"],
    audit: { kind: "change", result: ({ id }) => ({ authority_id: id }) },
    handle: ({ localAuthorities }) => localAuthorities.prepare(kind),
  });
}

export const prepareX509Authority = prepareAuthority("x509");
export const prepareJwtAuthority = prepareAuthority("jwt");
