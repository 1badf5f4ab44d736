import type { RequestListener } from "node:http";
import type { VerifiedJwtSvid } from "../../spiffe/index.ts";
import { checkFunction } from "../arguments.ts";
import type { BundleSource } from "../source/bundle-source.ts";
import { UsageError } from "../usage-error.ts";
import { authenticate, type BearerOptions, type BearerRefusal, challenge, checkBearerOptions } from "./authenticate.ts";

const callers = new WeakMap<object, VerifiedJwtSvid>();

/** @internal Of a request, or of the metadata of a call of grpc-js. */
export function rememberCaller(request: object, caller: VerifiedJwtSvid): void {
  callers.set(request, caller);
}

/**
 * The caller of a request that came through `bearerHandler`, `bearerMiddleware`, `bearerHook` or, a call,
 * `grpcBearerInterceptor`: its JWT-SVID, verified and authorised. There is no caller
 * to believe in for any other.
 * @throws UsageError ERR_PEER_UNKNOWN
 */
export function callerOf(request: object): VerifiedJwtSvid {
  // fastify wraps the request of node:http; of a call of grpc-js the metadata is known.
  const known =
    typeof request === "object" && request !== null
      ? [request, "raw" in request && request.raw, "metadata" in request && request.metadata]
      : [];
  const caller = known
    .map((one: unknown) => (typeof one === "object" && one !== null ? callers.get(one) : undefined))
    .find((one) => one !== undefined);
  if (caller === undefined) {
    throw new UsageError("ERR_PEER_UNKNOWN", "the bearer token of this request was not verified by the SDK");
  }
  return caller;
}

/** What of a request is used: its Authorization header and nothing else, so no token in a query or a body counts. */
export interface BearerRequest {
  /** In lower case, as node:http and fastify have them. */
  readonly headers: {
    /** `Bearer <JWT-SVID>` is looked for. */
    readonly authorization?: string | undefined;
  };
  /** Names and values by turns, as node:http and node:http2 have them: `headers` does not show a second header. */
  readonly rawHeaders?: readonly string[] | undefined;
}

/** What of a response is used. */
export interface BearerResponse {
  /** Set to the answer's status. */
  statusCode: number;
  /** Sets a header of the answer. */
  setHeader(name: string, value: string): unknown;
  /** Sends the answer. */
  end(body: string): unknown;
}

/**
 * For node:http and https: `handler` sees only requests whose bearer token is a JWT-SVID that is valid for one of
 * the audiences, verified here against the newest bundles (JWT-SVID §4, §5.2), and whose subject is authorised;
 * `callerOf(request)` tells who it is. Others are answered with 401, 403 or 503, the code in the body (RFC 6750 §3).
 *
 * A bearer token is as good as its transport: serve it over TLS only (JWT-SVID §7.3).
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
 */
export function bearerHandler(source: BundleSource, options: BearerOptions, handler: RequestListener): RequestListener {
  checkBearerOptions(source, options, "bearerHandler");
  checkFunction(handler, "the third argument of bearerHandler");
  return (request, response) => {
    if (admit(source, options, request, response)) handler(request, response);
  };
}

/**
 * The same for express and connect: `app.use(bearerMiddleware(bundles, { audience, authorize }))`.
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
 */
export function bearerMiddleware(
  source: BundleSource,
  options: BearerOptions,
): (request: BearerRequest, response: BearerResponse, next: () => void) => void {
  checkBearerOptions(source, options, "bearerMiddleware");
  return (request, response, next) => {
    if (admit(source, options, request, response)) next();
  };
}

/** What of fastify's reply is used. */
export interface BearerReply {
  /** Sets the answer's status. */
  code(status: number): unknown;
  /** Sets a header of the answer. */
  header(name: string, value: string): unknown;
  /** Sends the answer. */
  send(body: unknown): unknown;
}

/**
 * The same for fastify: `app.addHook("onRequest", bearerHook(bundles, { audience, authorize }))`; `callerOf(request)`.
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
 */
export function bearerHook(
  source: BundleSource,
  options: BearerOptions,
): (request: { readonly raw: BearerRequest }, reply: BearerReply) => Promise<unknown> {
  checkBearerOptions(source, options, "bearerHook");
  return async ({ raw }, reply) => {
    const verdict = authenticate(source, options, authorizationOf(raw));
    if (verdict.refusal === undefined) {
      callers.set(raw, verdict.caller);
      return undefined;
    }
    const { refusal } = verdict;
    for (const [name, value] of headersOf(refusal)) reply.header(name, value);
    reply.code(refusal.status);
    reply.send(bodyOf(refusal));
    // The answer is the reply itself, which tells fastify that the request ends here.
    return reply;
  };
}

function admit(
  source: BundleSource,
  options: BearerOptions,
  request: BearerRequest,
  response: BearerResponse,
): boolean {
  const verdict = authenticate(source, options, authorizationOf(request));
  if (verdict.refusal === undefined) {
    callers.set(request, verdict.caller);
    return true;
  }
  for (const [name, value] of headersOf(verdict.refusal)) response.setHeader(name, value);
  response.statusCode = verdict.refusal.status;
  response.end(bodyOf(verdict.refusal));
  return false;
}

/** Two headers are none: node shows the first one, and a party in between might have looked at the other one. */
function authorizationOf({ headers, rawHeaders = [] }: BearerRequest): string | undefined {
  const sent = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "authorization");
  return sent.length > 1 ? undefined : headers.authorization;
}

function headersOf(refusal: BearerRefusal): readonly (readonly [string, string])[] {
  const challenged = challenge(refusal);
  const authenticate = challenged === undefined ? [] : ([["www-authenticate", challenged]] as const);
  return [["content-type", "application/json"], ["cache-control", "no-store"], ...authenticate];
}

function bodyOf({ error }: BearerRefusal): string {
  return JSON.stringify({ code: error.code });
}
