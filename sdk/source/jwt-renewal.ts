import { backOffMs, type Clock, systemRandom, type Timer } from "../../runtime/core/index.ts";
import type { WorkloadApiClient } from "../client/workload-api-client.ts";
import { WorkloadError } from "../errors.ts";
import { workloadLimits } from "../limits.ts";
import { type Observer, tell } from "../observer.ts";
import { type JwtSvid, readJwtSvids } from "./jwt-svid.ts";
import { noAnswer, type SourceHealth } from "./live-state.ts";

export interface JwtRequest {
  /** Sorted, without repetition. */
  readonly audience: readonly string[];
  /** Empty: any. */
  readonly spiffeId: string;
}

export interface JwtRenewalOptions {
  readonly client: WorkloadApiClient;
  readonly clock: Clock;
  readonly request: JwtRequest;
  readonly observer: Observer | undefined;
  /** Renewed whether used or not. */
  readonly isPinned: boolean;
  readonly pick: (svids: readonly JwtSvid[]) => JwtSvid | undefined;
  readonly onChange: () => void;
  /** Aborted when the source is closed: ends the fetch that is under way. */
  readonly signal: AbortSignal;
  /**
   * There is no token, and none will come by itself: it expired and nobody had asked for it, or no fetch brought one.
   */
  readonly onUnused: () => void;
}

const backOff = { initialMs: 200, capMs: 10_000, factor: 2, jitter: 0.4 };

/** One token and its renewals. At most one fetch is under way. */
export class JwtRenewal {
  readonly isPinned: boolean;
  readonly #options: JwtRenewalOptions;
  #svid: JwtSvid | undefined;
  #fetching: Promise<JwtSvid> | undefined;
  #timer: Timer | undefined;
  /** Since the last renewal. */
  #wasUsed = false;
  /** Half of its life is over, and nobody wanted it then. */
  #isIdle = false;
  #failures = 0;
  #isStopped = false;
  #hasHadOne = false;
  /** Before the first token: when it began to be wanted. */
  #updatedAt: number;
  #lastProblem: WorkloadError | undefined;

  constructor(options: JwtRenewalOptions) {
    this.#options = options;
    this.isPinned = options.isPinned;
    this.#updatedAt = options.clock.now();
  }

  get health(): SourceHealth {
    return {
      isConnected: this.#lastProblem === undefined && this.#svid !== undefined,
      ageMs: this.#options.clock.now() - this.#updatedAt,
      lastProblem: this.#lastProblem,
    };
  }

  /** The kept token while it is valid, or a fetched one. */
  async get(signal?: AbortSignal): Promise<JwtSvid> {
    this.#wasUsed = true;
    if (this.#svid !== undefined && this.#leftMs > 0) {
      if (this.#isIdle) this.#renew();
      return this.#svid;
    }
    const hadOne = this.#svid !== undefined;
    try {
      return await abandonable(this.#fetch(), signal);
    } catch (error) {
      if (!hadOne || !isOutage(error)) throw error;
      throw new WorkloadError("ERR_SOURCE_EXPIRED", "the JWT-SVID expired and no new one came", { cause: error });
    }
  }

  /** Tries until there is one; only what no retry can heal rejects before the time-out. */
  async first(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    const { clock, request } = this.#options;
    const timeUp = new AbortController();
    const timer = clock.setTimer(options.timeoutMs, () => timeUp.abort());
    const signal = AbortSignal.any([timeUp.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    try {
      while (!(await this.#tryOnce(signal))) {
        await clock.sleep(backOffMs(this.#failures - 1, backOff, systemRandom), { signal });
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!timeUp.signal.aborted) throw error;
      const cause = this.#lastProblem ?? noAnswer();
      const what = `JWT-SVID for ${request.audience.join(", ")}`;
      const message = `no ${what} came within ${options.timeoutMs} ms: ${cause.message}`;
      throw new WorkloadError("ERR_SOURCE_TIMEOUT", message, { cause, fix: cause.fix });
    } finally {
      timer.cancel();
    }
  }

  get #leftMs(): number {
    return (this.#svid?.expiresAt ?? 0) * 1000 - this.#options.clock.now();
  }

  /** No more renewals. A fetch that is under way goes on for those who wait for it. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#svid = undefined;
  }

  async #tryOnce(signal: AbortSignal): Promise<boolean> {
    try {
      await abandonable(this.#fetch(), signal);
      return true;
    } catch (error) {
      if (signal.aborted || !(error instanceof WorkloadError) || isFinal(error)) throw error;
      return false;
    }
  }

  #fetch(): Promise<JwtSvid> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<JwtSvid> {
    const { client, clock, request, signal, observer } = this.#options;
    const { audience } = request;
    const startedAt = clock.monotonic();
    try {
      const fetched = await client.fetchJwtSvids({
        audience: request.audience,
        ...(request.spiffeId === "" ? {} : { spiffeId: request.spiffeId }),
        timeoutMs: workloadLimits.jwtFetchTimeoutMs.value,
        signal,
      });
      const svid = this.#choose(readJwtSvids(fetched, request, clock.now()));
      signal.throwIfAborted();
      const durationMs = clock.monotonic() - startedAt;
      const { expiresAt } = svid;
      tell(observer, { name: "jwt.fetched", id: svid.id.toString(), audience, expiresAt, durationMs });
      this.#accept(svid);
      return svid;
    } catch (error) {
      if (!signal.aborted)
        tell(observer, { name: "jwt.failed", audience, error, durationMs: clock.monotonic() - startedAt });
      this.#fail(error);
      throw error;
    }
  }

  #choose(svids: readonly JwtSvid[]): JwtSvid {
    try {
      const svid = this.#options.pick(svids);
      if (svid !== undefined) return svid;
    } catch (cause) {
      const fix = "mend `pick`: the cause is what it threw";
      throw new WorkloadError("ERR_WORKLOAD_API_DENIED", "the picker of JWT-SVIDs failed", { cause, fix });
    }
    const fix = "let `pick` choose one, or ask an operator for an entry that gives this process the one it looks for";
    throw new WorkloadError("ERR_WORKLOAD_API_DENIED", "the picker chose none of this process's JWT-SVIDs", { fix });
  }

  #accept(svid: JwtSvid): void {
    const { clock, onChange } = this.#options;
    this.#svid = svid;
    this.#hasHadOne = true;
    this.#failures = 0;
    this.#wasUsed = false;
    this.#isIdle = false;
    this.#lastProblem = undefined;
    this.#updatedAt = clock.now();
    this.#after(this.#leftMs / 2, () => this.#halfLife());
    onChange();
  }

  #fail(error: unknown): void {
    if (this.#options.signal.aborted || !(error instanceof WorkloadError)) return;
    this.#lastProblem = error;
    this.#failures += 1;
    const hadOne = this.#svid !== undefined;
    const wasDenied = error.code === "ERR_WORKLOAD_API_DENIED";
    if (wasDenied) this.#svid = undefined;
    // Without a token it is the next one who asks that tries again; `open` does for the audiences named there.
    if (this.isPinned ? this.#hasHadOne : this.#leftMs > 0) this.#retryLater();
    // What nobody may ever ask for again must not spoil the source's `health`.
    else if (!this.isPinned && !this.#isStopped) this.#options.onUnused();
    if (hadOne && wasDenied) this.#options.onChange();
  }

  #retryLater(): void {
    this.#after(backOffMs(this.#failures, backOff, systemRandom), () => this.#renew());
  }

  #halfLife(): void {
    if (this.isPinned || this.#wasUsed) {
      this.#renew();
    } else {
      this.#isIdle = true;
      this.#after(this.#leftMs, this.#options.onUnused);
    }
  }

  /** In the background: a failure is kept in `health`, and told to whoever asks once the old token has expired. */
  #renew(): void {
    this.#isIdle = false;
    this.#fetch().catch(() => {});
  }

  #after(delayMs: number, task: () => void): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(Math.max(delayMs, workloadLimits.jwtRenewMinMs.value), task);
  }
}

function isFinal({ code }: WorkloadError): boolean {
  return code === "ERR_WORKLOAD_API_INVALID" || code === "ERR_WORKLOAD_API_UNIMPLEMENTED";
}

function isOutage(error: unknown): boolean {
  return (
    error instanceof WorkloadError &&
    (error.code === "ERR_WORKLOAD_API_UNAVAILABLE" || error.code === "ERR_WORKLOAD_API_MALFORMED")
  );
}

/** The caller's wait ends with the signal; what it waited for goes on. */
function abandonable<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
  });
}
