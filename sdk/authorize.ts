import type { SpiffeId, TrustDomain } from "../spiffe/index.ts";
import { checkFunction, readSpiffeId, readTrustDomain } from "./arguments.ts";
import { UsageError } from "./usage-error.ts";

/**
 * What an authoriser decides. A refusal says why: `code` becomes `reason` of the `WorkloadError`
 * ERR_PEER_UNAUTHORIZED, `reason` its message. The codes of ours: `ERR_PEER_ID`, `ERR_PEER_TRUST_DOMAIN`,
 * `ERR_PEER_PATH`, `ERR_PEER_REFUSED`.
 */
export type Authorization =
  | {
      /** The peer may talk to us. */
      readonly allow: true;
    }
  | {
      /** It may not. */
      readonly allow: false;
      /** Stable, for programs. */
      readonly code: string;
      /** For people; it may name the peer. */
      readonly reason: string;
    };

/**
 * Decides whether a peer, whose SVID was verified against its own trust domain's bundle, may talk to us. There is no
 * default: each TLS factory demands one.
 */
export type Authorizer = (peer: SpiffeId) => Authorization;

const keys = new WeakMap<Authorizer, string>();

/** What two authorisers that decide alike have in common, where that can be told; else the authoriser itself. */
export function keyOf(authorize: Authorizer): string | Authorizer {
  return keys.get(authorize) ?? authorize;
}

const domains = new WeakMap<Authorizer, readonly string[]>();

/** The trust domains that an authoriser names; a predicate names none. */
export function trustDomainsOf(authorize: Authorizer): readonly string[] {
  return domains.get(authorize) ?? [];
}

function keyed(
  authorize: Authorizer,
  kind: string,
  of: readonly (string | Authorizer)[],
  trustDomains: readonly string[],
): Authorizer {
  if (of.every((one) => typeof one === "string")) keys.set(authorize, JSON.stringify([kind, ...of]));
  domains.set(authorize, [...new Set(trustDomains)]);
  return authorize;
}

const allowed: Authorization = { allow: true };

function refused(code: string, reason: string): Authorization {
  return { allow: false, code, reason };
}

/**
 * Exactly this SPIFFE ID, compared byte by byte (SPIFFE-ID §2); refuses with `ERR_PEER_ID`.
 * @throws SpiffeError ERR_SPIFFE_…, ERR_TRUST_DOMAIN_… when `expected` is malformed; UsageError ERR_ARGUMENT_INVALID
 * when it is none at all
 */
export function id(expected: SpiffeId | string): Authorizer {
  const wanted = readSpiffeId(expected, "id");
  const authorize: Authorizer = (peer) =>
    peer.equals(wanted) ? allowed : refused("ERR_PEER_ID", `${peer} is not ${wanted}`);
  return keyed(authorize, "id", [wanted.toString()], [wanted.trustDomain.name]);
}

/**
 * One of these SPIFFE IDs; refuses with `ERR_PEER_ID`. An empty list accepts nobody.
 * @throws as `id`
 */
export function oneOf(...expected: readonly (SpiffeId | string)[]): Authorizer {
  const ids = expected.map((one) => readSpiffeId(one, "oneOf"));
  const wanted = new Set(ids.map((one) => one.toString()));
  const authorize: Authorizer = (peer) =>
    wanted.has(peer.toString())
      ? allowed
      : refused("ERR_PEER_ID", `${peer} is none of the ${wanted.size} accepted ids`);
  const trustDomains = ids.map(({ trustDomain }) => trustDomain.name);
  return keyed(authorize, "oneOf", [...wanted].sort(), trustDomains);
}

/**
 * Any member of this trust domain, given by its name (`example.org`); refuses with `ERR_PEER_TRUST_DOMAIN`.
 * @throws SpiffeError ERR_TRUST_DOMAIN_… when the name is malformed; UsageError ERR_ARGUMENT_INVALID for a SPIFFE ID or
 * what is no name at all
 */
export function memberOf(trustDomain: TrustDomain | string): Authorizer {
  const wanted = readTrustDomain(trustDomain, "memberOf");
  const authorize: Authorizer = (peer) =>
    peer.isMemberOf(wanted) ? allowed : refused("ERR_PEER_TRUST_DOMAIN", `${peer} is not a member of ${wanted.name}`);
  return keyed(authorize, "memberOf", [wanted.name], [wanted.name]);
}

/**
 * The ID itself and whatever lies below it: `spiffe://example.org/ns/prod` accepts `…/ns/prod` and `…/ns/prod/web`, and
 * not `…/ns/production`. Refuses with `ERR_PEER_TRUST_DOMAIN` or `ERR_PEER_PATH`.
 * @throws SpiffeError ERR_SPIFFE_… when `prefix` is malformed, a slash at its end included; UsageError
 * ERR_ARGUMENT_INVALID when it has no path (that is `memberOf`), or is none at all
 */
export function pathPrefix(prefix: SpiffeId | string): Authorizer {
  const wanted = readSpiffeId(prefix, "pathPrefix");
  if (wanted.path === "") {
    throw new UsageError("ERR_ARGUMENT_INVALID", `pathPrefix takes a SPIFFE ID with a path, and ${wanted} has none`, {
      fix: `for the whole trust domain there is memberOf("${wanted.trustDomain.name}")`,
    });
  }
  const isMember = memberOf(wanted.trustDomain);
  const authorize: Authorizer = (peer) => {
    const decision = isMember(peer);
    if (!decision.allow || peer.equals(wanted) || peer.path.startsWith(`${wanted.path}/`)) return decision;
    return refused("ERR_PEER_PATH", `${peer} is not below ${wanted}`);
  };
  return keyed(authorize, "pathPrefix", [wanted.toString()], [wanted.trustDomain.name]);
}

/**
 * All, in this order; the first refusal counts.
 * @throws UsageError ERR_ARGUMENT_INVALID for none at all, which would accept everybody
 */
export function allOf(...authorizers: readonly [Authorizer, ...Authorizer[]]): Authorizer {
  checkSome(authorizers, "allOf");
  const all: Authorizer = (peer) => {
    for (const authorize of authorizers) {
      const decision = decide(authorize, peer);
      if (!decision.allow) return decision;
    }
    return allowed;
  };
  return keyed(all, "allOf", authorizers.map(keyOf), authorizers.flatMap(trustDomainsOf));
}

/** At least one; the last refusal counts. @throws UsageError ERR_ARGUMENT_INVALID for none at all */
export function anyOf(...authorizers: readonly [Authorizer, ...Authorizer[]]): Authorizer {
  checkSome(authorizers, "anyOf");
  const any: Authorizer = (peer) => {
    let last = refused("ERR_PEER_ID", `${peer} is not accepted`);
    for (const authorize of authorizers) {
      last = decide(authorize, peer);
      if (last.allow) return last;
    }
    return last;
  };
  return keyed(any, "anyOf", authorizers.map(keyOf), authorizers.flatMap(trustDomainsOf));
}

/**
 * Your own rule. Only `true` accepts: everything else, a promise included, refuses with `ERR_PEER_REFUSED`; what it
 * throws refuses too.
 * @throws UsageError ERR_ARGUMENT_INVALID when `test` is no function
 */
export function predicate(test: (peer: SpiffeId) => boolean): Authorizer {
  checkFunction(test, "what predicate takes");
  return (peer) => {
    // From JavaScript it may be anything: a promise would be truthy, whatever it comes to.
    const answer: unknown = test(peer);
    if (answer === true) return allowed;
    if (answer === false) return refused("ERR_PEER_REFUSED", `${peer} was refused by the predicate`);
    ignoreRejection(answer);
    return refused("ERR_PEER_REFUSED", `the predicate gave neither true nor false on ${peer}`);
  };
}

function checkSome(authorizers: readonly Authorizer[], name: string): void {
  if (authorizers.length === 0 || !authorizers.every((one) => typeof one === "function")) {
    throw new UsageError("ERR_ARGUMENT_INVALID", `${name} takes one or more authorisers`, {
      fix: `give what id(…), memberOf(…) and the like return`,
    });
  }
}

/** A promise is no decision; when it rejects later, that must not end the process. */
function ignoreRejection(answer: unknown): void {
  if (answer instanceof Promise) answer.catch(() => {});
}

/**
 * For each factory: forgetting `authorize` must not accept everybody.
 * @throws UsageError ERR_AUTHORIZE_MISSING
 */
export function checkAuthorize(options: { readonly authorize: Authorizer }, factory: string): void {
  if (typeof options?.authorize !== "function") {
    throw new UsageError("ERR_AUTHORIZE_MISSING", `${factory} needs \`authorize\``);
  }
}

/** Asks an authoriser, and takes nothing but a clear yes for one. */
export function decide(authorize: Authorizer, peer: SpiffeId): Authorization {
  try {
    const decision = authorize(peer);
    // From JavaScript an authoriser may return anything, a promise included.
    if (decision?.allow === true || decision?.allow === false) return decision;
    ignoreRejection(decision);
    return refused("ERR_PEER_REFUSED", `the authoriser gave no decision on ${peer}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refused("ERR_PEER_REFUSED", `the authoriser failed on ${peer}: ${reason}`);
  }
}
