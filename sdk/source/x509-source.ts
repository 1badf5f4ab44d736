import type { Response } from "undici";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import type { BundleMap, SpiffeBundle, TrustDomain, X509Svid } from "../../spiffe/index.ts";
import { checkFunction } from "../arguments.ts";
import type { X509Context } from "../client/read-context.ts";
import type { WatchOptions, WorkloadApiClient } from "../client/workload-api-client.ts";
import { WorkloadError } from "../errors.ts";
import { type Observer, tell } from "../observer.ts";
import { Fetcher, type SourceFetchOptions } from "../tls/fetcher.ts";
import { LiveState, type SourceHealth, type Unsubscribe } from "./live-state.ts";
import { setContext } from "./source-context.ts";
import { checkSourceOptions, clientOf, type SourceOptions } from "./source-options.ts";

/** What `X509Source.open` takes. */
export interface X509SourceOptions extends SourceOptions {
  /**
   * Chooses among several identities. Default: the first. `undefined` as answer means: none of them; so does throwing.
   * Then `svid` throws ERR_WORKLOAD_API_DENIED.
   */
  readonly pick?: (svids: readonly X509Svid[]) => X509Svid | undefined;
}

interface Picked {
  readonly context: X509Context;
  readonly svid: X509Svid | undefined;
  readonly failure?: unknown;
}

/**
 * This process's X509-SVID and the bundles to verify peers with, always the newest consistent state. It serves the last
 * valid state through an outage of the Workload API, and fails closed when the SVID expires or is withdrawn
 * (SPIFFE_Workload_API §4.4, §5.2.1).
 */
export class X509Source implements AsyncDisposable {
  readonly #client: WorkloadApiClient;
  readonly #ownsClient: boolean;
  readonly #clock: Clock;
  readonly #live: LiveState<Picked>;
  readonly #fetcher: Fetcher;

  private constructor(client: WorkloadApiClient, options: X509SourceOptions) {
    const { clock = systemClock, pick = ([first]) => first, observer } = options;
    this.#client = client;
    this.#ownsClient = options.client === undefined;
    this.#clock = clock;
    setContext(this, { clock, observer });
    this.#live = new LiveState({
      what: "identity",
      clock,
      observer,
      watch: (watching) => picked(client, pick, watching),
      judge: ({ svid, failure }) => (svid === undefined ? pickedNone(failure) : undefined),
      isSame: (one, other) => isSameContext(one.context, other.context) && isSameChoice(one.svid, other.svid),
    });
    this.#fetcher = new Fetcher(this);
    if (observer !== undefined) this.#tellOfSvids(observer);
  }

  /**
   * Resolves once there is an identity.
   * @throws WorkloadError ERR_SOURCE_TIMEOUT (its cause says what was missing), ERR_WORKLOAD_ENDPOINT,
   * ERR_WORKLOAD_API_INVALID, ERR_WORKLOAD_API_UNIMPLEMENTED; UsageError ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID;
   * rejects with `signal.reason` when aborted
   */
  static async open(options: X509SourceOptions = {}): Promise<X509Source> {
    checkSourceOptions(options, ["pick"], "X509Source.open");
    if (options.pick !== undefined) checkFunction(options.pick, "`pick` of X509Source.open");
    const client = clientOf(options);
    const source = new X509Source(client, options);
    try {
      await source.#live.start(options);
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /**
   * The current identity, valid now.
   * @throws WorkloadError ERR_SOURCE_EXPIRED, ERR_SOURCE_CLOSED, ERR_WORKLOAD_API_DENIED
   */
  get svid(): X509Svid {
    if (this.#live.isClosed) throw new WorkloadError("ERR_SOURCE_CLOSED", "the source is closed");
    const svid = this.#live.state?.svid;
    const cause = this.health.lastProblem;
    if (svid === undefined) {
      throw cause ?? new WorkloadError("ERR_WORKLOAD_API_DENIED", "there is no identity for this process");
    }
    if (svid.notAfter < this.#clock.now()) {
      throw new WorkloadError("ERR_SOURCE_EXPIRED", "the SVID expired and no new one came", {
        ...(cause === undefined ? {} : { cause, fix: cause.fix }),
      });
    }
    return svid;
  }

  /** All identities of this process; the first is the default (SPIFFE_Workload_API §8). */
  get svids(): readonly X509Svid[] {
    return this.#live.state?.context.svids ?? [];
  }

  /**
   * The newest bundles, of the own trust domain and of those it federates with; `undefined` when they were withdrawn.
   */
  get bundles(): BundleMap | undefined {
    return this.#live.state?.context.bundles;
  }

  /** The bundle of a trust domain, so that a source can be given wherever bundles are looked up. */
  get(trustDomain: TrustDomain): SpiffeBundle | undefined {
    return this.bundles?.get(trustDomain);
  }

  /** How the source is doing. Never throws, also when closed. */
  get health(): SourceHealth {
    return this.#live.health;
  }

  /**
   * Calls `listener` after each change of identity or bundles. Returns how to stop that. What a listener throws
   * surfaces as an uncaught exception and does not disturb the source.
   */
  onChange(listener: () => void): Unsubscribe {
    return this.#live.onChange(listener);
  }

  /**
   * `fetch` over mutual TLS 1.3 with the newest SVID: not one byte of the request goes to a server that was not
   * verified against the bundle of its own trust domain (X509-SVID §5) and authorised, redirections included; host
   * names play no part. It is undici's `fetch` (HTTP/1.1), without proxies. Connections are kept and shared by equal
   * authorisers, until identity or bundles change or the identity expires: then requests under way end in peace and
   * others get new connections.
   *
   * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; TypeError as of `fetch`;
   * WorkloadError ERR_PLAIN_HTTP, ERR_SOURCE_…, ERR_WORKLOAD_API_DENIED; ServiceError ERR_CONNECT_FAILED (also after 10
   * s without a connection), ERR_PEER_NOT_VERIFIED (its cause says why), ERR_REFUSED_BY_PEER and ERR_CONNECTION_LOST
   * when the connection ended before an answer: with TLS 1.3 it is then that a server's refusal of us shows
   */
  fetch(url: string | URL, options: SourceFetchOptions): Promise<Response> {
    return this.#fetcher.fetch(url, options);
  }

  /** Stops updating; `svid` throws and `fetch` rejects from then on. Idempotent. */
  async close(): Promise<void> {
    const closed = this.#live.close();
    this.#fetcher.close();
    if (this.#ownsClient) this.#client.close();
    await closed;
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tellOfSvids(observer: Observer): void {
    let told: X509Svid | undefined;
    this.#live.onChange(() => {
      const svid = this.#live.state?.svid;
      if (svid === undefined || told?.leaf.equals(svid.leaf) === true) return;
      told = svid;
      const { id, leaf, notAfter } = svid;
      tell(observer, { name: "svid.updated", id: id.toString(), serialNumber: leaf.serialNumber, notAfter });
    });
  }
}

async function* picked(
  client: WorkloadApiClient,
  pick: NonNullable<X509SourceOptions["pick"]>,
  options: WatchOptions,
): AsyncGenerator<Picked, void, undefined> {
  for await (const context of client.watchX509Context(options)) yield pickFrom(context, pick);
}

/** Keys need no look: a leaf has but one. */
function isSameContext(one: X509Context, other: X509Context): boolean {
  return (
    one.svids.length === other.svids.length &&
    one.svids.every((svid, index) => isSameSvid(svid, other.svids[index])) &&
    one.bundles.equals(other.bundles)
  );
}

function isSameSvid(one: X509Svid, other: X509Svid | undefined): boolean {
  return other !== undefined && one.hint === other.hint && Buffer.compare(one.chainDer(), other.chainDer()) === 0;
}

function isSameChoice(one: X509Svid | undefined, other: X509Svid | undefined): boolean {
  return one === undefined || other === undefined ? one === other : isSameSvid(one, other);
}

function pickFrom(context: X509Context, pick: NonNullable<X509SourceOptions["pick"]>): Picked {
  try {
    return { context, svid: pick(context.svids) };
  } catch (failure) {
    return { context, svid: undefined, failure };
  }
}

function pickedNone(cause: unknown): WorkloadError {
  if (cause !== undefined) {
    const fix = "mend `pick`: the cause is what it threw";
    return new WorkloadError("ERR_WORKLOAD_API_DENIED", "the picker of identities failed", { cause, fix });
  }
  const fix = "let `pick` choose one, or ask an operator for an entry that gives this process the one it looks for";
  return new WorkloadError("ERR_WORKLOAD_API_DENIED", "the picker chose none of this process's identities", { fix });
}
