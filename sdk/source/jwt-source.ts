import { setMaxListeners } from "node:events";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import { checkFunction, readAudiences, readSpiffeId } from "../arguments.ts";
import type { WorkloadApiClient } from "../client/workload-api-client.ts";
import { WorkloadError } from "../errors.ts";
import { knownOptions } from "../known-options.ts";
import { workloadLimits } from "../limits.ts";
import type { Observer } from "../observer.ts";
import { UsageError } from "../usage-error.ts";
import { JwtRenewal, type JwtRequest } from "./jwt-renewal.ts";
import type { JwtSvid } from "./jwt-svid.ts";
import type { SourceHealth, Unsubscribe } from "./live-state.ts";
import { notify } from "./notify.ts";
import { checkSourceOptions, clientOf, type SourceOptions } from "./source-options.ts";

/** What `JwtSource.open` takes. */
export interface JwtSourceOptions extends SourceOptions {
  /**
   * Audiences that `open` waits for a token for, and that are renewed whether used or not. Default none: `open` then
   * waits for nothing.
   */
  readonly audiences?: readonly (string | readonly string[])[];
  /**
   * Chooses among the tokens of several identities. Default: the first. `undefined` as answer means: none of them; so
   * does throwing. Then `svid` rejects with ERR_WORKLOAD_API_DENIED.
   */
  readonly pick?: (svids: readonly JwtSvid[]) => JwtSvid | undefined;
}

/** Which token is wanted. */
export interface JwtSourceRequest {
  /** Whom the token is for: preferably one name, since each audience could replay it to the others (JWT-SVID §7.2). */
  readonly audience: string | readonly string[];
  /** Only this identity's token. Default: what `pick` chooses. */
  readonly spiffeId?: SpiffeId | string;
  /** Ends the waiting; the token is still fetched for whoever comes next. */
  readonly signal?: AbortSignal;
}

/**
 * JWT-SVIDs of this process, kept per audience and identity. Each is renewed when half of what was left of it has
 * passed, in the background, as long as it is used; through an outage of the Workload API the last one serves until it
 * expires, and then the source fails closed. A denial withdraws a token at once. Tokens are in no error and show up in
 * no log: `svid.token.reveal()` is the only way to one.
 */
export class JwtSource implements AsyncDisposable {
  readonly #client: WorkloadApiClient;
  readonly #ownsClient: boolean;
  readonly #clock: Clock;
  readonly #observer: Observer | undefined;
  readonly #pick: NonNullable<JwtSourceOptions["pick"]>;
  /** The one used most recently is last. */
  readonly #renewals = new Map<string, JwtRenewal>();
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();

  private constructor(client: WorkloadApiClient, options: JwtSourceOptions) {
    this.#client = client;
    // Node before 22.12 warns of the eleventh; each fetch that is under way listens.
    setMaxListeners(0, this.#closing.signal);
    this.#ownsClient = options.client === undefined;
    this.#clock = options.clock ?? systemClock;
    this.#observer = options.observer;
    this.#pick = options.pick ?? (([first]) => first);
  }

  /**
   * Resolves once there is a token for each of `audiences`.
   * @throws WorkloadError ERR_SOURCE_TIMEOUT (it names the audience without a token, its cause says why),
   * ERR_WORKLOAD_ENDPOINT, ERR_WORKLOAD_API_INVALID, ERR_WORKLOAD_API_UNIMPLEMENTED; UsageError ERR_OPTION_UNKNOWN,
   * ERR_ARGUMENT_INVALID; rejects with `signal.reason` when aborted
   */
  static async open(options: JwtSourceOptions = {}): Promise<JwtSource> {
    checkSourceOptions(options, ["audiences", "pick"], "JwtSource.open");
    if (options.pick !== undefined) checkFunction(options.pick, "`pick` of JwtSource.open");
    checkAudiences(options.audiences);
    const client = clientOf(options);
    const source = new JwtSource(client, options);
    const { timeoutMs = 30_000, signal, audiences = [] } = options;
    try {
      await Promise.all(
        audiences.map((audience) =>
          source.#renewal({ audience }, true).first({ timeoutMs, ...(signal === undefined ? {} : { signal }) }),
        ),
      );
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /**
   * A token that is valid now: the kept one, or a fetched one when there is none.
   * @throws WorkloadError ERR_WORKLOAD_API_… (ERR_WORKLOAD_API_UNAVAILABLE when the Workload API does not answer within
   * 10 s), ERR_SOURCE_EXPIRED when the last one expired in an outage (it is forgotten then, unless `open` named its
   * audience), ERR_SOURCE_CLOSED; UsageError ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN; SpiffeError for a malformed
   * `spiffeId`; rejects with `signal.reason` when aborted
   */
  async svid(request: JwtSourceRequest): Promise<JwtSvid> {
    if (this.#closing.signal.aborted) throw closed();
    knownOptions(request, ["audience", "spiffeId", "signal"], "svid");
    request.signal?.throwIfAborted();
    return this.#renewal(request, false).get(request.signal);
  }

  /**
   * Of the token that is worst off. Without tokens nothing is known of the Workload API: an audience for which none
   * came counts only when `open` named it, since it need not be one that anybody asks for again.
   */
  get health(): SourceHealth {
    const all = [...this.#renewals.values()].map((renewal) => renewal.health);
    return {
      isConnected: all.every(({ isConnected }) => isConnected),
      ageMs: Math.max(0, ...all.map(({ ageMs }) => ageMs)),
      lastProblem: all.map(({ lastProblem }) => lastProblem).find((problem) => problem !== undefined),
    };
  }

  /** Calls `listener` after each token that came or was withdrawn. Returns how to stop that. */
  onChange(listener: () => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Forgets all tokens; `svid` rejects from then on. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(closed());
    for (const renewal of this.#renewals.values()) renewal.stop();
    this.#renewals.clear();
    this.#listeners.clear();
    if (this.#ownsClient) this.#client.close();
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #renewal({ audience, spiffeId }: JwtSourceRequest, isPinned: boolean): JwtRenewal {
    const request = checked(audience, spiffeId);
    const key = JSON.stringify([request.spiffeId, ...request.audience]);
    const known = this.#renewals.get(key);
    const renewal = known ?? this.#create(key, request, isPinned);
    this.#renewals.delete(key);
    this.#renewals.set(key, renewal);
    if (known === undefined) this.#makeRoom();
    return renewal;
  }

  #create(key: string, request: JwtRequest, isPinned: boolean): JwtRenewal {
    const renewal = new JwtRenewal({
      client: this.#client,
      clock: this.#clock,
      request,
      observer: this.#observer,
      isPinned,
      pick: this.#pick,
      onChange: () => notify(this.#listeners),
      signal: this.#closing.signal,
      onUnused: () => this.#drop(key, renewal),
    });
    return renewal;
  }

  #makeRoom(): void {
    if (this.#renewals.size <= workloadLimits.jwtCacheEntries.value) return;
    for (const [key, renewal] of this.#renewals) {
      if (renewal.isPinned) continue;
      this.#drop(key, renewal);
      return;
    }
  }

  #drop(key: string, renewal: JwtRenewal): void {
    renewal.stop();
    this.#renewals.delete(key);
  }
}

function closed(): WorkloadError {
  return new WorkloadError("ERR_SOURCE_CLOSED", "the source is closed");
}

/** Text alone would be as many audiences as it has letters. */
function checkAudiences(audiences: JwtSourceOptions["audiences"] = []): void {
  if (!Array.isArray(audiences)) {
    throw new UsageError("ERR_ARGUMENT_INVALID", "`audiences` of JwtSource.open is an array", { fix: 'give ["db"]' });
  }
  for (const audience of audiences) readAudiences(audience, "each of `audiences`");
}

/** One spelling per set of audiences: their order plays no part. */
function checked(audience: string | readonly string[], spiffeId: SpiffeId | string = ""): JwtRequest {
  const audiences = [...new Set(readAudiences(audience, "a JWT-SVID"))].sort();
  return { audience: audiences, spiffeId: spiffeId === "" ? "" : readSpiffeId(spiffeId, "`spiffeId`").toString() };
}
