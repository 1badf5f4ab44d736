import type { AuthorityStates } from "../../authority/ports.ts";
import type { AuthorityKind } from "../../domain/authority.ts";
import { unaryRpc } from "../rpc.ts";
import { kindNames, type LocalAuthorityNeeds, localAuthorityPath } from "./needs.ts";

/** Active, prepared and the last old authority. Errors: ERR_AUTHORITY_UNAVAILABLE, ERR_JWT_DISABLED. */
function getAuthorityState(kind: AuthorityKind) {
  return unaryRpc<LocalAuthorityNeeds, void, AuthorityStates>({
    method: `${localAuthorityPath}/Get${kindNames[kind]}AuthorityState`,
    callers: ["local", "admin"],
    audit: { kind: "read" },
    handle: async ({ localAuthorities }) => localAuthorities.states(kind),
  });
}

export const getX509AuthorityState = getAuthorityState("x509");
export const getJwtAuthorityState = getAuthorityState("jwt");
