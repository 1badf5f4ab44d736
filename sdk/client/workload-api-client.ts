import {
  decodeJwtBundlesResponse,
  decodeJwtSvidResponse,
  decodeValidateJwtSvidResponse,
  decodeX509BundlesResponse,
  decodeX509SvidResponse,
  encodeEmpty,
  encodeJwtSvidRequest,
  encodeValidateJwtSvidRequest,
} from "../../proto/workload/codec.ts";
import { type Clock, type Random, systemClock, systemRandom } from "../../runtime/core/index.ts";
import { type BundleMap, resolveEndpointAddress, SpiffeError, SpiffeId } from "../../spiffe/index.ts";
import { readAudiences, readSpiffeId } from "../arguments.ts";
import { WorkloadError } from "../errors.ts";
import { knownOptions } from "../known-options.ts";
import { UsageError } from "../usage-error.ts";
import { openWorkloadChannel, type WorkloadChannel } from "./channel.ts";
import { KnownBundles } from "./known-bundles.ts";
import {
  legal,
  malformed,
  readJwtBundles,
  readX509Bundles,
  readX509Context,
  withoutRepeatedHints,
  type X509Context,
} from "./read-context.ts";
import { watchStream } from "./watch-stream.ts";

/** Where a `WorkloadApiClient` connects to. */
export interface WorkloadApiClientOptions {
  /**
   * `unix:///path` or `tcp://ip:port`. Default: `SPIFFE_ENDPOINT_SOCKET`, which is not looked at when this is given.
   */
  readonly endpoint?: string;
  /**
   * How long a connection may take to come about, and then the other side's first HTTP/2 frame: a socket that accepts
   * and says nothing is not waited for. Milliseconds; default 10,000. By the real time, whatever `clock` says.
   */
  readonly connectTimeoutMs?: number;
  /** For the waiting between tries; in tests, a clock of the testing kit. Default: the system's. */
  readonly clock?: Clock;
  /** For the jitter of that waiting. Default: the system's. */
  readonly random?: Random;
}

/** What each single call takes. */
export interface CallOptions {
  /** Ends the call, which rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
  /** Milliseconds; default none. */
  readonly timeoutMs?: number;
}

/** What each watch takes. */
export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  /** Hears of each problem the watch recovers from by itself, with the delay before the next try. */
  readonly onProblem?: (problem: WorkloadError, retryInMs: number) => void;
}

/** Which JWT-SVIDs are wanted (SPIFFE_Workload_API §6.2.1). */
export interface JwtSvidOptions extends CallOptions {
  /** At least one, none empty. */
  readonly audience: readonly string[];
  /** Only this identity's. */
  readonly spiffeId?: SpiffeId | string;
}

/** A JWT-SVID as the Workload API gave it (SPIFFE_Workload_API §6.2.1); not verified: it is one's own. */
export interface FetchedJwtSvid {
  /** Whose token it is, as the Workload API names it. */
  readonly id: SpiffeId;
  /** The token: a bearer credential, keep it out of logs. */
  readonly token: string;
  /** The operator's text about what this identity is for; `""` when none. */
  readonly hint: string;
}

/** A JWT-SVID that the Workload API found valid (SPIFFE_Workload_API §6.2.3). */
export interface ValidatedJwtSvid {
  /** The subject: who the token is about. */
  readonly id: SpiffeId;
  /** Its claims. Numbers are doubles, since they come as google.protobuf.Struct. */
  readonly claims: Readonly<Record<string, unknown>>;
}

const service = "/SpiffeWorkloadAPI";

/**
 * A client of the SPIFFE Workload API (SPIFFE_Workload_API). One connection serves all calls and comes back by itself.
 * Rejections are `WorkloadError`s. `watch…` never end by themselves: they reconnect for ever, at once when a stream
 * ended that had lasted, else with capped, jittered back-off; except after InvalidArgument or Unimplemented, which no
 * retry can heal (SPIFFE_Workload_API §4.2, SPIFFE_Workload_Endpoint §6).
 */
export class WorkloadApiClient implements AsyncDisposable {
  readonly #channel: WorkloadChannel;
  readonly #clock: Clock;
  readonly #random: Random;
  #isClosed = false;

  private constructor(channel: WorkloadChannel, clock: Clock, random: Random) {
    this.#channel = channel;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Does not connect yet.
   * @throws WorkloadError ERR_WORKLOAD_ENDPOINT; UsageError ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
   */
  static create(options: WorkloadApiClientOptions = {}): WorkloadApiClient {
    knownOptions(options, ["endpoint", "connectTimeoutMs", "clock", "random"], "WorkloadApiClient.create");
    const { endpoint, clock = systemClock, random = systemRandom, connectTimeoutMs = 10_000 } = options;
    if (endpoint !== undefined && typeof endpoint !== "string") {
      throw new UsageError(
        "ERR_ARGUMENT_INVALID",
        "`endpoint` is text, such as unix:///run/countersign/agent/public/api.sock",
      );
    }
    try {
      const address = resolveEndpointAddress(endpoint, process.env);
      return new WorkloadApiClient(openWorkloadChannel(address, connectTimeoutMs), clock, random);
    } catch (error) {
      if (!(error instanceof SpiffeError)) throw error;
      throw new WorkloadError("ERR_WORKLOAD_ENDPOINT", error.message, { cause: error });
    }
  }

  /** This process's X509-SVIDs with keys and bundles, once. @throws WorkloadError ERR_WORKLOAD_API_… */
  async fetchX509Context(options: CallOptions = {}): Promise<X509Context> {
    const answer = await this.#first("FetchX509SVID", options);
    return legal(() => readX509Context(decodeX509SvidResponse(answer)));
  }

  /** The X.509 bundles this process may verify with, once. @throws WorkloadError ERR_WORKLOAD_API_… */
  async fetchX509Bundles(options: CallOptions = {}): Promise<BundleMap> {
    const answer = await this.#first("FetchX509Bundles", options);
    return legal(() => readX509Bundles(decodeX509BundlesResponse(answer)));
  }

  /** The JWT bundles this process may verify with, once. @throws WorkloadError ERR_WORKLOAD_API_… */
  async fetchJwtBundles(options: CallOptions = {}): Promise<BundleMap> {
    const answer = await this.#first("FetchJWTBundles", options);
    return legal(() => readJwtBundles(decodeJwtBundlesResponse(answer)));
  }

  /**
   * One token per identity of this process (or of `spiffeId`); of several with one hint the first.
   * @throws WorkloadError ERR_WORKLOAD_API_…; UsageError ERR_AUDIENCE_MISSING; SpiffeError for a malformed `spiffeId`
   */
  async fetchJwtSvids(options: JwtSvidOptions): Promise<readonly FetchedJwtSvid[]> {
    const { audience, spiffeId: only } = options;
    const audiences = readAudiences(audience, "fetchJwtSvids");
    const request = encodeJwtSvidRequest(
      audiences,
      only === undefined ? "" : readSpiffeId(only, "`spiffeId`").toString(),
    );
    const answer = await this.#channel.unary(`${service}/FetchJWTSVID`, request, options);
    const svids = legal(() => decodeJwtSvidResponse(answer));
    if (svids.length === 0) throw malformed("the Workload API sent no JWT-SVID");
    if (svids.some(({ svid }) => svid === "")) throw malformed("the Workload API sent a JWT-SVID without a token");
    return withoutRepeatedHints(
      svids.map(({ spiffeId, svid, hint }) => ({ id: parseId(spiffeId), token: svid, hint })),
    );
  }

  /**
   * Has the Workload API check a JWT-SVID for us.
   * @throws WorkloadError ERR_WORKLOAD_API_INVALID when it is not valid; UsageError ERR_AUDIENCE_MISSING,
   * ERR_ARGUMENT_INVALID without an audience or a token
   */
  async validateJwtSvid(audience: string, token: string, options: CallOptions = {}): Promise<ValidatedJwtSvid> {
    readAudiences(audience, "validateJwtSvid");
    if (typeof token !== "string" || token === "") {
      throw new UsageError("ERR_ARGUMENT_INVALID", "validateJwtSvid takes a token after the audience");
    }
    const request = encodeValidateJwtSvidRequest(audience, token);
    const answer = await this.#channel.unary(`${service}/ValidateJWTSVID`, request, options);
    const { spiffeId, claims } = legal(() => decodeValidateJwtSvidResponse(answer));
    if (Object.keys(claims).length === 0) throw malformed("the Workload API validated a token without claims");
    return { id: parseId(spiffeId), claims };
  }

  /**
   * Every state of this process's X509-SVIDs, from now on. An update that is not legal is told to `onProblem` and
   * changes nothing (SPIFFE_Workload_API §4.5).
   * @throws WorkloadError ERR_WORKLOAD_API_INVALID, ERR_WORKLOAD_API_UNIMPLEMENTED, ERR_SOURCE_CLOSED; after `signal`
   * was aborted it just ends
   */
  watchX509Context(options: WatchOptions = {}): AsyncGenerator<X509Context, void, undefined> {
    const known = new KnownBundles();
    return this.#watch("FetchX509SVID", (bytes) => readX509Context(decodeX509SvidResponse(bytes), known), options);
  }

  /**
   * Every state of the X.509 bundles, from now on. A bundle that did not change is the same object again.
   * @throws as `watchX509Context`
   */
  watchX509Bundles(options: WatchOptions = {}): AsyncGenerator<BundleMap, void, undefined> {
    const known = new KnownBundles();
    return this.#watch(
      "FetchX509Bundles",
      (bytes) => readX509Bundles(decodeX509BundlesResponse(bytes), known),
      options,
    );
  }

  /**
   * Every state of the JWT bundles, from now on. A bundle that did not change is the same object again.
   * @throws as `watchX509Context`
   */
  watchJwtBundles(options: WatchOptions = {}): AsyncGenerator<BundleMap, void, undefined> {
    const known = new KnownBundles();
    return this.#watch("FetchJWTBundles", (bytes) => readJwtBundles(decodeJwtBundlesResponse(bytes), known), options);
  }

  /** Ends the connection; open calls reject, and watches end with ERR_SOURCE_CLOSED. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#channel.close();
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async #first(method: string, options: CallOptions): Promise<Uint8Array> {
    for await (const message of this.#channel.serverStream(`${service}/${method}`, encodeEmpty(), options))
      return message;
    throw malformed("the Workload API ended the stream without a message");
  }

  #watch<Update>(
    method: string,
    read: (bytes: Uint8Array) => Update,
    options: WatchOptions,
  ): AsyncGenerator<Update, void, undefined> {
    const { signal } = options;
    const call = signal === undefined ? {} : { signal };
    return watchStream({
      open: () => {
        if (this.#isClosed) throw new WorkloadError("ERR_SOURCE_CLOSED", "the client is closed");
        return this.#channel.serverStream(`${service}/${method}`, encodeEmpty(), call);
      },
      read: (bytes) => legal(() => read(bytes)),
      clock: this.#clock,
      random: this.#random,
      ...options,
    });
  }
}

function parseId(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    throw malformed("the Workload API named an identity that is no SPIFFE ID", error);
  }
}
