import type { X509SVIDRequest__Output } from "../../proto/gen/X509SVIDRequest.ts";
import type { X509SVIDResponse } from "../../proto/gen/X509SVIDResponse.ts";
import { workloadApiService } from "../../proto/services.ts";
import type { ServerStreamHandler } from "../../transport/index.ts";
import type { WorkloadView } from "../ports.ts";
import { foreignBundles, x509BundleMap } from "./bundle-maps.ts";
import { workloadApiErrors } from "./errors.ts";
import { perView } from "./per-view.ts";
import { refusalOf } from "./refusal.ts";
import { type Answer, type HandlerContext, serveViews } from "./serve.ts";

/**
 * Streams all X509-SVIDs of the caller, in the order of their entries, with the bundles to verify peers.
 * @throws ServiceError ERR_NO_IDENTITY (also when the last identity is withdrawn), ERR_IDENTITY_WITHHELD,
 *   ERR_BUNDLE_MISSING, and what every call may end with (README.md)
 */
export function fetchX509Svid(handler: HandlerContext): ServerStreamHandler<X509SVIDRequest__Output, X509SVIDResponse> {
  const encodedFor = perView(encode);
  const answerTo = (view: WorkloadView): Answer => {
    if (view.identities.length === 0) {
      const error = refusalOf(view, handler.state());
      // Withheld: entitled still, and what the caller holds has expired; it gets the next one here.
      return { kind: "refusal", error, isFinal: error.code !== "ERR_IDENTITY_WITHHELD" };
    }
    const bytes = encodedFor(view);
    if (bytes !== undefined) return { kind: "message", bytes };
    const error = workloadApiErrors.error("ERR_BUNDLE_MISSING", "the trust domain has no X.509 authority yet");
    return { kind: "refusal", error, isFinal: false };
  };
  return async (_request, context, sink) => await serveViews(handler, context, sink, answerTo);
}

/** `undefined` without own authorities: `bundle` is mandatory (WAPI-28). */
function encode(view: WorkloadView): Uint8Array | undefined {
  const bundle = view.ownBundle.x509Der();
  if (bundle.length === 0) return undefined;
  return workloadApiService.FetchX509SVID.responseSerialize({
    svids: view.identities.map(({ id, chainDer, keyDer, hint }) => ({
      spiffe_id: id.toString(),
      x509_svid: chainDer,
      x509_svid_key: keyDer,
      bundle,
      hint,
    })),
    federated_bundles: x509BundleMap(foreignBundles(view)),
  });
}
