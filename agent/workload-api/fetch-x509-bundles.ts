import type { X509BundlesRequest__Output } from "../../proto/gen/X509BundlesRequest.ts";
import type { X509BundlesResponse } from "../../proto/gen/X509BundlesResponse.ts";
import { workloadApiService } from "../../proto/services.ts";
import type { ServerStreamHandler } from "../../transport/index.ts";
import type { WorkloadView } from "../ports.ts";
import { foreignBundles, x509BundleMap } from "./bundle-maps.ts";
import { workloadApiErrors } from "./errors.ts";
import { mayHaveBundles } from "./may-have-bundles.ts";
import { perView } from "./per-view.ts";
import { refusalOf } from "./refusal.ts";
import { type Answer, type HandlerContext, serveViews } from "./serve.ts";

/**
 * Streams the X.509 bundles of the own trust domain and of those the caller's entries federate with.
 * @throws ServiceError ERR_NO_IDENTITY, ERR_BUNDLE_MISSING, and what every call may end with (README.md)
 */
export function fetchX509Bundles(
  handler: HandlerContext,
): ServerStreamHandler<X509BundlesRequest__Output, X509BundlesResponse> {
  const encodedFor = perView(encode);
  const answerTo = (view: WorkloadView): Answer => {
    if (!mayHaveBundles(view, handler.config)) {
      return { kind: "refusal", error: refusalOf(view, handler.state()), isFinal: true };
    }
    const bytes = encodedFor(view);
    if (bytes !== undefined) return { kind: "message", bytes };
    const error = workloadApiErrors.error("ERR_BUNDLE_MISSING", "the trust domain has no X.509 authority yet");
    return { kind: "refusal", error, isFinal: false };
  };
  return async (_request, context, sink) => await serveViews(handler, context, sink, answerTo);
}

/** `undefined` without own authorities: the own trust domain is mandatory (WAPI-40). */
function encode(view: WorkloadView): Uint8Array | undefined {
  if (view.ownBundle.x509Der().length === 0) return undefined;
  const bundles = x509BundleMap([view.ownBundle, ...foreignBundles(view)]);
  return workloadApiService.FetchX509Bundles.responseSerialize({ bundles });
}
