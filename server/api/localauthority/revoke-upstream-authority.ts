import {
  overriddenFields,
  type RevocationNeeds,
  type RevocationResult,
  revokeAuthority,
} from "../revocation/revoke.ts";
import { unaryRpc } from "../rpc.ts";
import { localAuthorityPath } from "./needs.ts";

/** Takes a tainted trust anchor above out of the bundle at once. Errors: ERR_AUTHORITY_ID, ERR_AUTHORITY_TRANSITION, ERR_UPSTREAM_AUTHORITY. */
export const revokeX509UpstreamAuthority = unaryRpc<
  RevocationNeeds,
  { readonly subjectKeyId: string },
  RevocationResult
>({
  method: `${localAuthorityPath}/RevokeX509UpstreamAuthority`,
  callers: ["local", "admin"],
  audit: {
    kind: "change",
    fields: ({ subjectKeyId }) => ({ subject_key_id: subjectKeyId }),
    result: overriddenFields,
  },
  handle: (needs, { subjectKeyId }) => revokeAuthority(needs, { kind: "upstream", id: subjectKeyId }, true),
});
