import { type Clock, systemClock } from "../../runtime/core/index.ts";
import type { BundleMap, SpiffeBundle, TrustDomain, X509Svid } from "../../spiffe/index.ts";
import type { X509Context } from "../client/read-context.ts";
import { WorkloadApiClient } from "../client/workload-api-client.ts";
import { WorkloadError } from "../errors.ts";

export interface X509SourceOptions {
  /** `unix:///path` or `tcp://ip:port`. Default: `SPIFFE_ENDPOINT_SOCKET`. */
  readonly endpoint?: string;
  /** Use this client instead; it is not closed with the source. */
  readonly client?: WorkloadApiClient;
  /** How long `open` waits for the first update, milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Chooses among several identities. Default: the first. `undefined` as answer means: none of them. */
  readonly pick?: (svids: readonly X509Svid[]) => X509Svid | undefined;
  readonly clock?: Clock;
}

/** How the source is doing. */
export interface SourceHealth {
  /** The Workload API answered last; `false` while it cannot be reached or refuses. */
  readonly isConnected: boolean;
  /** Milliseconds since the last update. */
  readonly ageMs: number;
  readonly lastProblem: WorkloadError | undefined;
}

export type Unsubscribe = () => void;

/**
 * This process's X509-SVID and the bundles to verify peers with, always the newest consistent state. It serves the last
 * valid state through an outage of the Workload API, and fails closed when the SVID expires or is withdrawn.
 */
export class X509Source implements AsyncDisposable {
  readonly #client: WorkloadApiClient;
  readonly #ownsClient: boolean;
  readonly #clock: Clock;
  readonly #pick: (svids: readonly X509Svid[]) => X509Svid | undefined;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<() => void>();
  #context: X509Context | undefined;
  #svid: X509Svid | undefined;
  #updatedAt = 0;
  #isConnected = false;
  #lastProblem: WorkloadError | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(client: WorkloadApiClient, options: X509SourceOptions) {
    this.#client = client;
    this.#ownsClient = options.client === undefined;
    this.#clock = options.clock ?? systemClock;
    this.#pick = options.pick ?? (([first]) => first);
  }

  /**
   * Resolves once there is an identity.
   * @throws WorkloadError ERR_SOURCE_TIMEOUT (its cause says what was missing), ERR_WORKLOAD_ENDPOINT,
   * ERR_WORKLOAD_API_INVALID, ERR_WORKLOAD_API_UNIMPLEMENTED; rejects with `signal.reason` when aborted
   */
  static async open(options: X509SourceOptions = {}): Promise<X509Source> {
    const client =
      options.client ?? WorkloadApiClient.create(options.endpoint === undefined ? {} : { endpoint: options.endpoint });
    const source = new X509Source(client, options);
    try {
      await source.#start(options);
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** The current identity. @throws WorkloadError ERR_SOURCE_EXPIRED, ERR_SOURCE_CLOSED, ERR_WORKLOAD_API_DENIED */
  get svid(): X509Svid {
    if (this.#abort.signal.aborted) throw new WorkloadError("ERR_SOURCE_CLOSED", "the source is closed");
    if (this.#svid === undefined) {
      throw this.#lastProblem ?? new WorkloadError("ERR_WORKLOAD_API_DENIED", "there is no identity for this process");
    }
    if (this.#svid.notAfter < this.#clock.now()) {
      throw new WorkloadError("ERR_SOURCE_EXPIRED", "the SVID expired and no new one came", {
        cause: this.#lastProblem,
      });
    }
    return this.#svid;
  }

  /** All identities of this process; the first is the default. */
  get svids(): readonly X509Svid[] {
    return this.#context?.svids ?? [];
  }

  get bundles(): BundleMap | undefined {
    return this.#context?.bundles;
  }

  /** The bundle of a trust domain, so that a source can be given wherever bundles are looked up. */
  get(trustDomain: TrustDomain): SpiffeBundle | undefined {
    return this.#context?.bundles.get(trustDomain);
  }

  get health(): SourceHealth {
    return {
      isConnected: this.#isConnected,
      ageMs: this.#clock.now() - this.#updatedAt,
      lastProblem: this.#lastProblem,
    };
  }

  /** Calls `listener` after each change of identity or bundles. Returns how to stop that. */
  onChange(listener: () => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Stops updating; `svid` throws from then on. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort();
    if (this.#ownsClient) this.#client.close();
    await this.#running;
    this.#listeners.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(options: X509SourceOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const timeoutMs = options.timeoutMs ?? 30_000;
      const timer = this.#clock.setTimer(timeoutMs, () => {
        const message = `no identity came within ${timeoutMs} ms`;
        settle(() => reject(new WorkloadError("ERR_SOURCE_TIMEOUT", message, { cause: this.#lastProblem })));
      });
      const onAbort = (): void => settle(() => reject(options.signal?.reason));
      const stopListening = this.onChange(() => {
        if (this.#svid !== undefined) settle(resolve);
      });
      const settle = (how: () => void): void => {
        timer.cancel();
        options.signal?.removeEventListener("abort", onAbort);
        stopListening();
        how();
      };
      options.signal?.addEventListener("abort", onAbort, { once: true });
      if (options.signal?.aborted === true) onAbort();
      this.#running = this.#follow().catch((error: unknown) => {
        this.#lastProblem = error instanceof WorkloadError ? error : undefined;
        settle(() => reject(error));
      });
    });
  }

  async #follow(): Promise<void> {
    const options = { signal: this.#abort.signal, onProblem: (problem: WorkloadError) => this.#onProblem(problem) };
    for await (const context of this.#client.watchX509Context(options)) this.#onUpdate(context);
  }

  #onUpdate(context: X509Context): void {
    this.#isConnected = true;
    this.#updatedAt = this.#clock.now();
    this.#context = context;
    this.#svid = this.#pick(context.svids);
    this.#lastProblem =
      this.#svid === undefined
        ? new WorkloadError("ERR_WORKLOAD_API_DENIED", "the picker chose none of this process's identities")
        : undefined;
    this.#notify();
  }

  #onProblem(problem: WorkloadError): void {
    this.#lastProblem = problem;
    if (problem.code === "ERR_WORKLOAD_API_MALFORMED") return;
    this.#isConnected = false;
    // A denial withdraws everything (§13.5); other problems are an outage, through which the last state is served.
    if (problem.code !== "ERR_WORKLOAD_API_DENIED" || this.#context === undefined) return;
    this.#context = undefined;
    this.#svid = undefined;
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
