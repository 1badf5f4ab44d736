import type { JWTBundlesRequest__Output } from "../../proto/gen/JWTBundlesRequest.ts";
import type { JWTBundlesResponse } from "../../proto/gen/JWTBundlesResponse.ts";
import { workloadApiService } from "../../proto/services.ts";
import type { ServerStreamHandler } from "../../transport/index.ts";
import type { WorkloadView } from "../ports.ts";
import { foreignBundles, jwtBundleMap } from "./bundle-maps.ts";
import { mayHaveBundles } from "./may-have-bundles.ts";
import { perView } from "./per-view.ts";
import { refusalOf } from "./refusal.ts";
import { type Answer, type HandlerContext, serveViews } from "./serve.ts";

/**
 * Streams the JWT bundles of the own trust domain and of those the caller's entries federate with, as plain JWK Sets.
 * @throws ServiceError ERR_NO_IDENTITY, and what every call may end with (README.md)
 */
export function fetchJwtBundles(
  handler: HandlerContext,
): ServerStreamHandler<JWTBundlesRequest__Output, JWTBundlesResponse> {
  const encodedFor = perView(encode);
  const answerTo = (view: WorkloadView): Answer =>
    mayHaveBundles(view, handler.config)
      ? { kind: "message", bytes: encodedFor(view) }
      : { kind: "refusal", error: refusalOf(view, handler.state()), isFinal: true };
  return async (_request, context, sink) => await serveViews(handler, context, sink, answerTo);
}

/** The own trust domain is always there, if need be with an empty key set (WAPI-58); foreign ones only with keys. */
function encode(view: WorkloadView): Uint8Array {
  const foreign = foreignBundles(view).filter(({ jwtAuthorities }) => jwtAuthorities.length > 0);
  const bundles = jwtBundleMap([view.ownBundle, ...foreign]);
  return workloadApiService.FetchJWTBundles.responseSerialize({ bundles });
}
