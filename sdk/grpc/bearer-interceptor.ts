import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import {
  authenticate,
  type BearerOptions,
  type BearerRefusal,
  type BearerVerdict,
  checkBearerOptions,
} from "../jwt/authenticate.ts";
import { rememberCaller } from "../jwt/bearer.ts";
import type { BundleSource } from "../source/bundle-source.ts";

const statuses: Readonly<Record<BearerRefusal["status"], status>> = {
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  503: status.UNAVAILABLE,
};

/**
 * For the `interceptors` of a server of grpc-js: handlers see only calls whose `authorization` is a JWT-SVID that is
 * valid for one of the audiences, verified here against the newest bundles (JWT-SVID §4, §5.2), and whose subject is
 * authorised; `callerOf(call)` tells who it is. Others end with UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE, the
 * code as details, before one message of theirs is read.
 *
 * Of several `authorization` headers the first one counts: node:http2 hides the others from grpc-js.
 *
 * A bearer token is as good as its transport: serve it over TLS only (JWT-SVID §7.3), `createGrpcServer` does. An
 * interceptor behind this one that hands on other metadata takes the caller away from handlers.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
 */
export function grpcBearerInterceptor(source: BundleSource, options: BearerOptions): ServerInterceptor {
  checkBearerOptions(source, options, "grpcBearerInterceptor");
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            const verdict = judge(source, options, metadata);
            if (verdict.refusal === undefined) {
              rememberCaller(metadata, verdict.caller);
              pass(metadata);
              return;
            }
            const { status: httpStatus, error } = verdict.refusal;
            call.sendStatus({ code: statuses[httpStatus], details: error.code });
          },
        }),
    });
}

function judge(source: BundleSource, options: BearerOptions, metadata: Metadata): BearerVerdict {
  const [authorization, ...more] = metadata.get("authorization");
  // Two of them are none. Of what comes over the wire node:http2 keeps the first one, and grpc-js shows no more.
  const isOne = typeof authorization === "string" && more.length === 0;
  return authenticate(source, options, isOne ? authorization : undefined);
}
