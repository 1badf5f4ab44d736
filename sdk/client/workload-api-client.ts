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
import { backOffMs, type Clock, type Random, systemClock, systemRandom } from "../../runtime/core/index.ts";
import { type BundleMap, resolveEndpointAddress, SpiffeError, SpiffeId } from "../../spiffe/index.ts";
import { WorkloadError } from "../errors.ts";
import { openWorkloadChannel, type WorkloadChannel } from "./channel.ts";
import { legal, readJwtBundles, readX509Bundles, readX509Context, type X509Context } from "./read-context.ts";

/** Where a `WorkloadApiClient` connects to. */
export interface WorkloadApiClientOptions {
  /** `unix:///path` or `tcp://ip:port`. Default: `SPIFFE_ENDPOINT_SOCKET`, which is not looked at when this is given. */
  readonly endpoint?: string;
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
const backOff = { initialMs: 100, capMs: 10_000, factor: 2, jitter: 0.4 };

/**
 * A client of the SPIFFE Workload API (SPIFFE_Workload_API). One connection serves all calls and comes back by itself.
 * Rejections are `WorkloadError`s. `watch…` never end by themselves: they reconnect for ever with capped, jittered
 * back-off, except after InvalidArgument or Unimplemented, which no retry can heal (§13.5).
 */
export class WorkloadApiClient implements AsyncDisposable {
  readonly #channel: WorkloadChannel;
  readonly #clock: Clock;
  readonly #random: Random;

  private constructor(channel: WorkloadChannel, clock: Clock, random: Random) {
    this.#channel = channel;
    this.#clock = clock;
    this.#random = random;
  }

  /** Does not connect yet. @throws WorkloadError ERR_WORKLOAD_ENDPOINT */
  static create(options: WorkloadApiClientOptions = {}): WorkloadApiClient {
    const { clock = systemClock, random = systemRandom } = options;
    try {
      const address = resolveEndpointAddress(options.endpoint, process.env);
      return new WorkloadApiClient(openWorkloadChannel(address), clock, random);
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

  /** One token per identity of this process (or of `spiffeId`). @throws WorkloadError ERR_WORKLOAD_API_… */
  async fetchJwtSvids(options: JwtSvidOptions): Promise<readonly FetchedJwtSvid[]> {
    const request = encodeJwtSvidRequest(options.audience, options.spiffeId?.toString() ?? "");
    const answer = await this.#channel.unary(`${service}/FetchJWTSVID`, request, options);
    const svids = legal(() => decodeJwtSvidResponse(answer));
    if (svids.length === 0) throw new WorkloadError("ERR_WORKLOAD_API_MALFORMED", "the Workload API sent no JWT-SVID");
    return svids.map(({ spiffeId, svid, hint }) => ({ id: parseId(spiffeId), token: svid, hint }));
  }

  /** Has the Workload API check a JWT-SVID for us. @throws WorkloadError ERR_WORKLOAD_API_INVALID when it is not valid */
  async validateJwtSvid(audience: string, token: string, options: CallOptions = {}): Promise<ValidatedJwtSvid> {
    const request = encodeValidateJwtSvidRequest(audience, token);
    const answer = await this.#channel.unary(`${service}/ValidateJWTSVID`, request, options);
    const { spiffeId, claims } = legal(() => decodeValidateJwtSvidResponse(answer));
    return { id: parseId(spiffeId), claims };
  }

  /** Every state of this process's X509-SVIDs, from now on. */
  watchX509Context(options: WatchOptions = {}): AsyncGenerator<X509Context, void, undefined> {
    return this.#watch("FetchX509SVID", (bytes) => readX509Context(decodeX509SvidResponse(bytes)), options);
  }

  /** Every state of the X.509 bundles, from now on. */
  watchX509Bundles(options: WatchOptions = {}): AsyncGenerator<BundleMap, void, undefined> {
    return this.#watch("FetchX509Bundles", (bytes) => readX509Bundles(decodeX509BundlesResponse(bytes)), options);
  }

  /** Every state of the JWT bundles, from now on. */
  watchJwtBundles(options: WatchOptions = {}): AsyncGenerator<BundleMap, void, undefined> {
    return this.#watch("FetchJWTBundles", (bytes) => readJwtBundles(decodeJwtBundlesResponse(bytes)), options);
  }

  /** Ends the connection; open calls reject. Idempotent. */
  close(): void {
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
    throw new WorkloadError("ERR_WORKLOAD_API_MALFORMED", "the Workload API ended the stream without a message");
  }

  async *#watch<Update>(
    method: string,
    read: (bytes: Uint8Array) => Update,
    options: WatchOptions,
  ): AsyncGenerator<Update, void, undefined> {
    const call = options.signal === undefined ? {} : { signal: options.signal };
    for (let attempt = 0; options.signal?.aborted !== true; attempt += 1) {
      try {
        for await (const message of this.#channel.serverStream(`${service}/${method}`, encodeEmpty(), call)) {
          const update = this.#readOrReport(message, read, options);
          if (update === undefined) continue;
          attempt = 0;
          yield update.value;
        }
        throw new WorkloadError("ERR_WORKLOAD_API_UNAVAILABLE", "the Workload API ended the stream");
      } catch (error) {
        await this.#recover(error, attempt, options);
      }
    }
  }

  /** Waits before the next try; rethrows what no retry can heal. */
  async #recover(error: unknown, attempt: number, { signal, onProblem }: WatchOptions): Promise<void> {
    if (signal?.aborted === true) return;
    if (!(error instanceof WorkloadError) || isFinal(error)) throw error;
    const delayMs = backOffMs(attempt, backOff, this.#random);
    onProblem?.(error, delayMs);
    // An aborted sleep only means that the loop ends.
    await this.#clock.sleep(delayMs, signal === undefined ? {} : { signal }).catch(() => {});
  }

  /** A message that is not legal is discarded and changes nothing (§13.6). */
  #readOrReport<Update>(
    message: Uint8Array,
    read: (bytes: Uint8Array) => Update,
    options: WatchOptions,
  ): { readonly value: Update } | undefined {
    try {
      return { value: read(message) };
    } catch (error) {
      const problem =
        error instanceof WorkloadError
          ? error
          : new WorkloadError("ERR_WORKLOAD_API_MALFORMED", "the Workload API sent an update that is not usable", {
              cause: error,
            });
      options.onProblem?.(problem, 0);
      return undefined;
    }
  }
}

function isFinal(error: WorkloadError): boolean {
  return (
    error.code === "ERR_WORKLOAD_API_INVALID" ||
    error.code === "ERR_WORKLOAD_API_UNIMPLEMENTED" ||
    error.code === "ERR_SOURCE_CLOSED"
  );
}

function parseId(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    throw new WorkloadError("ERR_WORKLOAD_API_MALFORMED", "the Workload API named an identity that is no SPIFFE ID", {
      cause: error,
    });
  }
}
