import type { RevocableAuthority, RevocationCheck } from "../../../proto/domain/revocation.ts";
import { checkRevocation as safetyOf } from "../../revocation/index.ts";
import { unaryRpc } from "../rpc.ts";
import { type RevocationNeeds, revocableRecords, safetyDeps } from "./revoke.ts";

/** What a revocation would refuse from then on. Errors as of Revoke, but ERR_REVOCATION_UNSAFE. */
export const checkRevocation = unaryRpc<RevocationNeeds, RevocableAuthority, RevocationCheck>({
  method: "/countersign.server.localauthority.v1.Revocation/CheckRevocation",
  callers: ["local", "admin"],
  audit: { kind: "read", fields: ({ kind, id }) => ({ authority_kind: kind, authority_id: id }) },
  handle: async (needs, authority) =>
    safetyOf(safetyDeps(needs), await revocableRecords(needs.localAuthorities, authority)),
});
