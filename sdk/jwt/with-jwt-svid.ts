import type { SpiffeId } from "../../spiffe/index.ts";
import { checkFunction, readAudiences } from "../arguments.ts";
import { WorkloadError } from "../errors.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { JwtSource } from "../source/jwt-source.ts";
import { UsageError } from "../usage-error.ts";

/** Which token goes with the requests. */
export interface WithJwtSvidOptions {
  /** The name of the service that is called, as its validator knows it. There is no default. */
  readonly audience: string | readonly string[];
  /** Call as this identity. Default: as `JwtSource.svid`. */
  readonly spiffeId?: SpiffeId | string;
}

/** A `fetch`: the global one, undici's, or one that calls `source.fetch` with its `authorize`. */
export type FetchLike<Answer> = (url: string, init: FetchInit) => Promise<Answer>;

/** Options of the global `fetch`, headers as an object. */
export interface FetchInit extends Omit<RequestInit, "headers"> {
  /** By name; none may be `authorization`. */
  readonly headers?: Record<string, string>;
}

/**
 * Wraps a `fetch` so that each request carries a JWT-SVID that is valid now, as `Authorization: Bearer` (JWT-SVID
 * §5.2): `const call = withJwtSvid(tokens, { audience: "db" }, fetch)`. A token goes over TLS only, or to a loopback
 * address; redirections to another origin get none, since `fetch` drops the header there.
 *
 * @throws UsageError ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID. A call rejects with WorkloadError
 * ERR_PLAIN_HTTP and the errors of `JwtSource.svid`; UsageError ERR_ARGUMENT_INVALID when the request has an
 * `authorization` header of its own; what `fetch` rejects with
 */
export function withJwtSvid<Answer>(
  source: JwtSource,
  options: WithJwtSvidOptions,
  fetch: FetchLike<Answer>,
): (url: string | URL, init?: FetchInit) => Promise<Answer> {
  const { audience, spiffeId } = options ?? {};
  checkSource(source, "withJwtSvid", "JwtSource");
  knownOptions(options, ["audience", "spiffeId"], "withJwtSvid");
  readAudiences(audience, "withJwtSvid");
  checkFunction(fetch, "the third argument of withJwtSvid");
  return async (url, init = {}) => {
    checkUrl(new URL(url));
    const headers = init.headers ?? {};
    if (Object.keys(headers).some((name) => name.toLowerCase() === "authorization")) {
      throw new UsageError("ERR_ARGUMENT_INVALID", "the request has an authorization header of its own", {
        fix: "leave it out: withJwtSvid puts the JWT-SVID there",
      });
    }
    const { token } = await source.svid({
      audience,
      ...(spiffeId === undefined ? {} : { spiffeId }),
      ...(init.signal instanceof AbortSignal ? { signal: init.signal } : {}),
    });
    return fetch(url.toString(), { ...init, headers: { ...headers, authorization: `Bearer ${token.reveal()}` } });
  };
}

/** JWT-SVID §7.3: each hop that carries a token gives confidentiality; what stays on the host does. */
function checkUrl({ protocol, hostname }: URL): void {
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
  if (protocol === "https:" || (protocol === "http:" && isLoopback)) return;
  throw new WorkloadError("ERR_PLAIN_HTTP", "a bearer token goes to https addresses only");
}
