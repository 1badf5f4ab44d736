import { encodeAuthorityId, encodeAuthorityState } from "../../../proto/convert/authority.ts";
import { encodeBundle } from "../../../proto/convert/bundle.ts";
import { decodeRevocable, encodeObstacle, encodeRevocationCheck } from "../../../proto/convert/revocation.ts";
import { localAuthorityService, revocationService } from "../../../proto/services.ts";
import type { AuthorityStates } from "../../authority/ports.ts";
import { activateJwtAuthority, activateX509Authority } from "../localauthority/activate-authority.ts";
import { getJwtAuthorityState, getX509AuthorityState } from "../localauthority/get-authority-state.ts";
import { prepareJwtAuthority, prepareX509Authority } from "../localauthority/prepare-authority.ts";
import { revokeJwtAuthority, revokeX509Authority } from "../localauthority/revoke-authority.ts";
import { revokeX509UpstreamAuthority } from "../localauthority/revoke-upstream-authority.ts";
import { taintJwtAuthority, taintX509Authority } from "../localauthority/taint-authority.ts";
import { taintX509UpstreamAuthority } from "../localauthority/taint-upstream-authority.ts";
import { checkRevocation } from "../revocation/check-revocation.ts";
import { distrust } from "../revocation/distrust.ts";
import { type RevocationResult, revoke } from "../revocation/revoke.ts";
import { type Registration, serveUnary } from "./registration.ts";

export function serveLocalAuthorityService(to: Registration): void {
  serveX509(to);
  serveJwt(to);
  serveUpstream(to);
}

function serveX509(to: Registration): void {
  const {
    GetX509AuthorityState,
    PrepareX509Authority,
    ActivateX509Authority,
    TaintX509Authority,
    RevokeX509Authority,
  } = localAuthorityService;
  serveUnary(to, GetX509AuthorityState, getX509AuthorityState, () => {}, encodeStates);
  serveUnary(
    to,
    PrepareX509Authority,
    prepareX509Authority,
    () => {},
    (record) => ({ prepared_authority: encodeAuthorityState(record) }),
  );
  serveUnary(to, ActivateX509Authority, activateX509Authority, readId, (record) => ({
    activated_authority: encodeAuthorityState(record),
  }));
  serveUnary(to, TaintX509Authority, taintX509Authority, readId, (record) => ({
    tainted_authority: encodeAuthorityState(record),
  }));
  serveUnary(to, RevokeX509Authority, revokeX509Authority, readId, encodeRevoked);
}

function serveJwt(to: Registration): void {
  const { GetJWTAuthorityState, PrepareJWTAuthority, ActivateJWTAuthority, TaintJWTAuthority, RevokeJWTAuthority } =
    localAuthorityService;
  serveUnary(to, GetJWTAuthorityState, getJwtAuthorityState, () => {}, encodeStates);
  serveUnary(
    to,
    PrepareJWTAuthority,
    prepareJwtAuthority,
    () => {},
    (record) => ({ prepared_authority: encodeAuthorityState(record) }),
  );
  serveUnary(to, ActivateJWTAuthority, activateJwtAuthority, readId, (record) => ({
    activated_authority: encodeAuthorityState(record),
  }));
  serveUnary(to, TaintJWTAuthority, taintJwtAuthority, readId, (record) => ({
    tainted_authority: encodeAuthorityId(record),
  }));
  serveUnary(to, RevokeJWTAuthority, revokeJwtAuthority, readId, encodeRevoked);
}

function serveUpstream(to: Registration): void {
  const { TaintX509UpstreamAuthority, RevokeX509UpstreamAuthority } = localAuthorityService;
  serveUnary(
    to,
    TaintX509UpstreamAuthority,
    taintX509UpstreamAuthority,
    ({ subject_key_id }) => ({ subjectKeyId: subject_key_id }),
    (id) => ({ upstream_authority_subject_key_id: id }),
  );
  serveUnary(
    to,
    RevokeX509UpstreamAuthority,
    revokeX509UpstreamAuthority,
    ({ subject_key_id }) => ({ subjectKeyId: subject_key_id }),
    ({ id }) => ({ upstream_authority_subject_key_id: id }),
  );
}

/** Ours: the same with a look at what rests on the authority. */
export function serveRevocationService(to: Registration): void {
  serveUnary(
    to,
    revocationService.CheckRevocation,
    checkRevocation,
    ({ authority }) => decodeRevocable(authority),
    encodeRevocationCheck,
  );
  serveUnary(
    to,
    revocationService.Revoke,
    revoke,
    ({ authority, force }) => ({ authority: decodeRevocable(authority), force }),
    ({ id, overridden: { obstacles, unknowns } }) => ({
      revoked_authority: encodeAuthorityId({ id }),
      obstacles: obstacles.map(encodeObstacle),
      unknowns: [...unknowns],
    }),
  );
  serveUnary(
    to,
    revocationService.Distrust,
    distrust,
    ({ subject_key_ids, jwt_key_ids, remove }) => ({
      subjectKeyIds: subject_key_ids,
      jwtKeyIds: jwt_key_ids,
      action: remove ? ("remove" as const) : ("taint" as const),
    }),
    (bundle) => ({ bundle: encodeBundle(bundle) }),
  );
}

function readId(wire: { readonly authority_id: string }): { readonly id: string } {
  return { id: wire.authority_id };
}

function encodeStates({ active, prepared, old }: AuthorityStates) {
  return {
    active: encodeAuthorityState(active),
    ...(prepared === undefined ? {} : { prepared: encodeAuthorityState(prepared) }),
    ...(old === undefined ? {} : { old: encodeAuthorityState(old) }),
  };
}

function encodeRevoked({ id }: RevocationResult) {
  return { revoked_authority: encodeAuthorityId({ id }) };
}
