import { unaryRpc } from "../rpc.ts";
import { type LocalAuthorityNeeds, localAuthorityPath } from "./needs.ts";

/** Has everything replaced that rests on a trust anchor above. Errors: ERR_AUTHORITY_ID, ERR_AUTHORITY_TRANSITION, ERR_UPSTREAM_AUTHORITY. */
export const taintX509UpstreamAuthority = unaryRpc<LocalAuthorityNeeds, { readonly subjectKeyId: string }, string>({
  method: `${localAuthorityPath}/TaintX509UpstreamAuthority`,
  callers: ["local", "admin"],
  audit: { kind: "change", fields: ({ subjectKeyId }) => ({ subject_key_id: subjectKeyId }) },
  handle: ({ localAuthorities }, { subjectKeyId }) => localAuthorities.taintUpstream(subjectKeyId),
});
