import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { IssuedJwtSvid, ServerLink } from "../../proto/domain/link.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { parseJwtSvid } from "../../spiffe/index.ts";
import { ServiceError } from "../../transport/index.ts";
import { identityKeyOf, jwtFingerprint } from "../domain/identity-key.ts";
import { retryDelayMs } from "../domain/retry-delay.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits } from "../limits.ts";
import { type CachedJwt, JwtCache, nameOf } from "./jwt-cache.ts";

export interface JwtSvidsDeps {
  readonly clock: Clock;
  readonly link: Pick<ServerLink, "newJwtSvid">;
  readonly maxSize: number;
  readonly isDistrusted: (authorityId: string) => boolean;
  readonly onServerFailed: (error: unknown) => void;
}

/**
 * JWT-SVIDs on demand: from the cache while at least half of the life is left; else from the server; and when that
 * cannot be asked, from the cache as long as the token is valid. Callers of one token share one request.
 */
export class JwtSvids {
  readonly #deps: JwtSvidsDeps;
  readonly #cache: JwtCache;
  readonly #asking = new Map<string, Promise<CachedJwt>>();

  constructor(deps: JwtSvidsDeps) {
    this.#deps = deps;
    this.#cache = new JwtCache(deps.maxSize);
  }

  get size(): number {
    return this.#cache.size;
  }

  /** @throws ServiceError `ERR_JWT_UNAVAILABLE`, `ERR_JWT_LIMITED`, `ERR_JWT_REFUSED` */
  async get(entry: RegistrationEntry, audience: readonly string[], signal: AbortSignal): Promise<IssuedJwtSvid> {
    signal.throwIfAborted();
    // A token that carries an id of its own is for one use: never the same twice.
    const mayShare = entry.additionalAttributes?.jwtSvidIncludeJti !== true;
    if (!mayShare) return (await raceAbort(this.#ask(entry, audience, agentLimits.jwtWaitMs.value), signal)).svid;
    const cached = this.#valid(entry, audience);
    if (cached !== undefined && this.#isFresh(cached)) return cached.svid;
    const wait = cached === undefined ? agentLimits.jwtWaitMs.value : agentLimits.jwtWaitWithCachedMs.value;
    try {
      return (await raceAbort(this.#askOnce(entry, audience, wait), signal)).svid;
    } catch (error) {
      signal.throwIfAborted();
      const spare = this.#valid(entry, audience);
      const isRefusal = error instanceof ServiceError && error.code === "ERR_JWT_REFUSED";
      if (spare === undefined || isRefusal) throw error;
      return spare.svid;
    }
  }

  /** The entry has gone, or changed what is in its tokens. */
  forget(entry: RegistrationEntry): void {
    const key = identityKeyOf(entry);
    this.#cache.dropWhere((cached) => cached.key === key);
  }

  dropDistrusted(): void {
    this.#cache.dropWhere(({ authorityId }) => this.#deps.isDistrusted(authorityId));
  }

  clear(): void {
    this.#cache.clear();
  }

  #valid(entry: RegistrationEntry, audience: readonly string[]): CachedJwt | undefined {
    const cached = this.#cache.get(identityKeyOf(entry), audience);
    if (cached === undefined || cached.fingerprint !== jwtFingerprint(entry)) return undefined;
    return cached.svid.expiresAt * 1000 > this.#deps.clock.now() ? cached : undefined;
  }

  #isFresh({ svid }: CachedJwt): boolean {
    return svid.expiresAt * 1000 - this.#deps.clock.now() >= ((svid.expiresAt - svid.issuedAt) * 1000) / 2;
  }

  #askOnce(entry: RegistrationEntry, audience: readonly string[], timeoutMs: number): Promise<CachedJwt> {
    const name = `${jwtFingerprint(entry)}${nameOf(identityKeyOf(entry), audience)}`;
    const running = this.#asking.get(name);
    if (running !== undefined) return running;
    // Others get this token too: none of what one caller repeats.
    const asking = this.#ask(entry, [...new Set(audience)], timeoutMs)
      .then((fetched) => {
        // Between question and answer the authority may have been distrusted.
        if (!this.#deps.isDistrusted(fetched.authorityId)) this.#cache.put(audience, fetched);
        return fetched;
      })
      .finally(() => this.#asking.delete(name));
    this.#asking.set(name, asking);
    return asking;
  }

  async #ask(entry: RegistrationEntry, audience: readonly string[], timeoutMs: number): Promise<CachedJwt> {
    try {
      const svid = await this.#deps.link.newJwtSvid(entry.id, audience, { timeoutMs });
      if (!svid.id.equals(entry.spiffeId) || svid.expiresAt * 1000 <= this.#deps.clock.now()) {
        throw agentErrors.error("ERR_RESPONSE_UNUSABLE", "the JWT-SVID is for another identity, or has expired");
      }
      const authorityId = parseJwtSvid(svid.token).keyId ?? "";
      return { key: identityKeyOf(entry), fingerprint: jwtFingerprint(entry), svid, authorityId };
    } catch (error) {
      this.#deps.onServerFailed(error);
      throw forCaller(error);
    }
  }
}

/** To wait when a server that has too much to do does not say how long. */
const exhaustedMs = 1_000;
const refusals: ReadonlySet<string> = new Set(["permissionDenied", "notFound", "invalidArgument"]);

function forCaller(error: unknown): Error {
  if (error instanceof ServiceError && error.status === "resourceExhausted") {
    const details = [{ kind: "retry", delayMs: retryDelayMs(error, exhaustedMs) }] as const;
    return agentErrors.error("ERR_JWT_LIMITED", "too many JWT-SVIDs are asked for", { cause: error, details });
  }
  // A refusal of the agent itself says nothing of the workload.
  const isRefusal =
    error instanceof ServiceError &&
    refusals.has(error.status) &&
    !error.details.some(({ kind }) => kind === "permission-denied");
  return isRefusal
    ? agentErrors.error("ERR_JWT_REFUSED", "the server refused to sign the JWT-SVID", { cause: error })
    : agentErrors.error("ERR_JWT_UNAVAILABLE", "the server cannot be asked for a JWT-SVID", { cause: error });
}

/** The request goes on when one of its callers leaves; others may wait for it, and the next one will want it. */
function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
