import { SpiffeError, type VerifiedJwtSvid } from "../../spiffe/index.ts";
import { checkFunction, checkLeeway, readAudiences } from "../arguments.ts";
import { type Authorizer, checkAuthorize, decide } from "../authorize.ts";
import { callHook } from "../call-hook.ts";
import { WorkloadError } from "../errors.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { BundleSource } from "../source/bundle-source.ts";

/** What a service that takes JWT-SVIDs as bearer tokens says about itself. */
export interface BearerOptions {
  /**
   * The name or names by which callers address this service; one of them must be an audience of the token, exactly and
   * with the same case. There is no default.
   */
  readonly audience: string | readonly string[];
  /** Who may call. There is no default. */
  readonly authorize: Authorizer;
  /** For `exp` and `nbf`, seconds. Default 5, at most 120. */
  readonly leewaySeconds?: number;
  /**
   * Hears why a request was refused; for logs. What it throws changes nothing and becomes a process warning with the
   * code `COUNTERSIGN_HOOK_FAILED`, once.
   */
  readonly onRefused?: (refusal: BearerRefusal) => void;
}

/** Why a request was refused, and how that is answered (RFC 6750 §3). */
export interface BearerRefusal {
  /** 401: no token, or one that is not valid; 403: a caller who may not; 503: the source of bundles was closed. */
  readonly status: 401 | 403 | 503;
  /**
   * ERR_BEARER_MISSING, the codes of `BundleSource.validateJwtSvid`, ERR_PEER_UNAUTHORIZED (its `reason` is the
   * authoriser's code). Never contains any part of the token.
   */
  readonly error: WorkloadError | SpiffeError;
}

export type BearerVerdict =
  | { readonly caller: VerifiedJwtSvid; readonly refusal?: undefined }
  | { readonly refusal: BearerRefusal };

/** The scheme in any case (RFC 9110 §11.1), one token of its alphabet (RFC 6750 §2.1) and nothing else. */
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * Forgetting `authorize` or `audience` must not accept everybody.
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
 */
export function checkBearerOptions(source: BundleSource, options: BearerOptions, factory: string): void {
  checkSource(source, factory, "BundleSource");
  checkAuthorize(options, factory);
  knownOptions(options, ["audience", "authorize", "leewaySeconds", "onRefused"], factory);
  readAudiences(options.audience, factory);
  checkLeeway(options.leewaySeconds, factory);
  if (options.onRefused !== undefined) checkFunction(options.onRefused, `\`onRefused\` of ${factory}`);
}

/** Judges the Authorization header of a request; everything that goes wrong is a refusal. */
export function authenticate(
  source: BundleSource,
  options: BearerOptions,
  authorization: string | undefined,
): BearerVerdict {
  const token = bearer.exec(authorization ?? "")?.[1];
  if (token === undefined) {
    return refuse(options, 401, new WorkloadError("ERR_BEARER_MISSING", "the request has no bearer token"));
  }
  try {
    const { audience, leewaySeconds } = options;
    const caller = source.validateJwtSvid(token, {
      audience,
      ...(leewaySeconds === undefined ? {} : { leewaySeconds }),
    });
    const decision = decide(options.authorize, caller.id);
    if (decision.allow) return { caller };
    const { code, reason } = decision;
    return refuse(options, 403, new WorkloadError("ERR_PEER_UNAUTHORIZED", reason, { reason: code }));
  } catch (error) {
    if (error instanceof SpiffeError) return refuse(options, 401, error);
    if (error instanceof WorkloadError) return refuse(options, 503, error);
    throw error;
  }
}

function refuse(options: BearerOptions, status: BearerRefusal["status"], error: BearerRefusal["error"]): BearerVerdict {
  const refusal = { status, error };
  callHook("onRefused", options.onRefused, refusal);
  return { refusal };
}

/** RFC 6750 §3.1: without a token there is nothing to call invalid. */
export function challenge({ status, error }: BearerRefusal): string | undefined {
  if (status === 503) return undefined;
  if (error.code === "ERR_BEARER_MISSING") return "Bearer";
  const name = status === 401 ? "invalid_token" : "insufficient_scope";
  return `Bearer error="${name}", error_description="${error.code}"`;
}
