import type { ValidateJWTSVIDRequest__Output } from "../../proto/gen/ValidateJWTSVIDRequest.ts";
import type { ValidateJWTSVIDResponse } from "../../proto/gen/ValidateJWTSVIDResponse.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { type SpiffeBundle, SpiffeError, type TrustDomain, verifyJwtSvid } from "../../spiffe/index.ts";
import type { UnaryHandler } from "../../transport/index.ts";
import type { WorkloadView } from "../ports.ts";
import { requireAudiences } from "./audience.ts";
import { claimsToStruct, foreignClaims } from "./claims.ts";
import { workloadApiErrors } from "./errors.ts";
import { type HandlerContext, withCall } from "./serve.ts";

/**
 * Verifies a token for the caller: with the bundles this caller has, own and federated, and no others.
 * @throws ServiceError ERR_AUDIENCE_REQUIRED, ERR_SVID_REQUIRED, ERR_JWT_SVID_INVALID, and what every call may end with
 */
export function validateJwtSvid(
  handler: HandlerContext,
  clock: Clock,
): UnaryHandler<ValidateJWTSVIDRequest__Output, ValidateJWTSVIDResponse> {
  return async (request, context) => {
    requireAudiences([request.audience]);
    if (request.svid === "") throw workloadApiErrors.error("ERR_SVID_REQUIRED", "svid must be specified");
    return await withCall(handler, context, async (call) => {
      const view = await call.open();
      call.release();
      const verified = verify(request, view, clock.now());
      const isOwn = verified.id.trustDomain.equals(view.ownBundle.trustDomain);
      const claims = isOwn ? verified.claims : foreignClaims(verified.claims, handler.config.allowedForeignJwtClaims);
      handler.telemetry.answered(context);
      return { spiffe_id: verified.id.toString(), claims: claimsToStruct(claims, verified.audience) };
    });
  };
}

function verify(
  request: ValidateJWTSVIDRequest__Output,
  view: WorkloadView,
  atMs: number,
): ReturnType<typeof verifyJwtSvid> {
  const bundles = { get: (trustDomain: TrustDomain) => bundleOf(view, trustDomain) };
  try {
    return verifyJwtSvid({ token: request.svid, audience: request.audience, bundles, atMs });
  } catch (error) {
    if (!(error instanceof SpiffeError)) throw error;
    throw workloadApiErrors.error("ERR_JWT_SVID_INVALID", error.message, {
      details: [{ kind: "error-info", metadata: { check: error.code } }],
    });
  }
}

/** WAPI-71, WAPI-72: the bundle of the subject's own trust domain or none. */
function bundleOf(view: WorkloadView, trustDomain: TrustDomain): SpiffeBundle | undefined {
  return [view.ownBundle, ...view.federatedBundles].find((bundle) => bundle.trustDomain.equals(trustDomain));
}
