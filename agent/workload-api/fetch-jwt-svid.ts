import type { JWTSVIDRequest__Output } from "../../proto/gen/JWTSVIDRequest.ts";
import type { JWTSVIDResponse } from "../../proto/gen/JWTSVIDResponse.ts";
import { SpiffeError, SpiffeId } from "../../spiffe/index.ts";
import type { RpcContext, UnaryHandler } from "../../transport/index.ts";
import { workloadAttestationErrors } from "../attestation/workload/index.ts";
import type { WorkloadIdentity } from "../ports.ts";
import { requireAudiences } from "./audience.ts";
import { workloadApiErrors } from "./errors.ts";
import { refusalOf } from "./refusal.ts";
import { type HandlerContext, withCall } from "./serve.ts";
import type { WorkloadCall } from "./workload-call.ts";

/**
 * A JWT-SVID for each identity of the caller, or for the one it names; the first is the default. All or none.
 * @throws ServiceError ERR_AUDIENCE_REQUIRED, ERR_AUDIENCE_TOO_LARGE, ERR_SPIFFE_ID_MALFORMED, ERR_NO_IDENTITY,
 *   ERR_NOT_ENTITLED, ERR_JWT_UNAVAILABLE, ERR_JWT_LIMITED, and what every call may end with (README.md)
 */
export function fetchJwtSvid(handler: HandlerContext): UnaryHandler<JWTSVIDRequest__Output, JWTSVIDResponse> {
  return async (request, context) => {
    requireAudiences(request.audience);
    const wanted = request.spiffe_id === "" ? undefined : parseId(request.spiffe_id);
    return await withCall(handler, context, async (call) => {
      const identities = entitled(await identitiesOf(handler, call), wanted);
      const svids = await tokens(handler, context, identities, request.audience);
      await requireSameCaller(call);
      handler.telemetry.answered(context);
      return { svids };
    });
  };
}

function parseId(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    if (!(error instanceof SpiffeError)) throw error;
    throw workloadApiErrors.error("ERR_SPIFFE_ID_MALFORMED", `spiffe_id is not a SPIFFE ID: ${error.message}`);
  }
}

/** Waits as the streams do when there is nothing yet. */
async function identitiesOf(handler: HandlerContext, call: WorkloadCall): Promise<readonly WorkloadIdentity[]> {
  let view = await call.open();
  while (view.identities.length === 0) {
    call.hold(view.isCurrent, refusalOf(view, handler.state()));
    view = await call.next();
  }
  call.release();
  return view.identities;
}

function entitled(identities: readonly WorkloadIdentity[], wanted: SpiffeId | undefined): readonly WorkloadIdentity[] {
  if (wanted === undefined) return identities;
  const found = identities.filter(({ id }) => id.equals(wanted));
  if (found.length > 0) return found;
  throw workloadApiErrors.error("ERR_NOT_ENTITLED", "the caller may not have the SPIFFE ID it asked for");
}

async function tokens(
  handler: HandlerContext,
  context: RpcContext,
  identities: readonly WorkloadIdentity[],
  audience: readonly string[],
): Promise<NonNullable<JWTSVIDResponse["svids"]>> {
  return await Promise.all(
    identities.map(async ({ entryId, hint }) => {
      const svid = await handler.identities.jwtSvid(entryId, audience, context.signal);
      return { spiffe_id: svid.id.toString(), svid: svid.token, hint };
    }),
  );
}

/** The server may have been asked meanwhile, which takes time. */
async function requireSameCaller(call: WorkloadCall): Promise<void> {
  const before = call.selectors;
  if ((await call.selectorsNow()) !== before) {
    throw workloadAttestationErrors.error("ERR_CALLER_MISMATCH", "the caller changed while its token was being made");
  }
}
