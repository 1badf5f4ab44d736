import { ServerVerifier } from "../../agent/link/server-verifier.ts";
import { Certificate } from "../../certs/index.ts";
import type {
  AttestRequest,
  AttestResult,
  CallOptions,
  IssuedJwtSvid,
  IssuedX509Svid,
  IssueResult,
  NewX509SvidParams,
  ServerLink,
  SyncHello,
  SyncMessage,
  SyncStream,
} from "../../proto/domain/link.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { InProcessLink, type ReachableServer } from "../../server/api/in-process-link.ts";
import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { commonErrors, transportErrors } from "../../transport/index.ts";
import type { Weather } from "./weather.ts";

/** A server that shows who it is, as at a TLS handshake. */
export interface ShownServer extends ReachableServer {
  readonly tlsChain: () => readonly Uint8Array[];
}

export interface FaultyLinkOptions {
  readonly clock: Clock;
  readonly weather: Weather;
  readonly trustDomain: TrustDomain;
  readonly address: string;
  readonly server: () => ShownServer | undefined;
  readonly identity: () => { readonly chain: readonly Uint8Array[] } | undefined;
  readonly bundle: () => SpiffeBundle | undefined;
  /** Signed by the server, whether or not the answer arrives. */
  readonly onIssued: (svid: IssuedX509Svid) => void;
  readonly onJwtIssued: (svid: IssuedJwtSvid) => void;
  readonly onWelcome: () => void;
  /** The agent has been given the last page of a change to its entries. */
  readonly onEntriesTold: () => void;
}

const connectTimeoutMs = 10_000;

/**
 * The in-process link, in weather: messages take time, connections break, answers get lost, and before anything is sent
 * the server is verified as at a TLS handshake.
 */
export class FaultyLink implements ServerLink {
  readonly #options: FaultyLinkOptions;
  readonly #inner: InProcessLink;
  readonly #verifier: ServerVerifier;
  #isVerified = false;
  #broken = Promise.withResolvers<never>();

  constructor(options: FaultyLinkOptions) {
    this.#options = options;
    this.#broken.promise.catch(() => {});
    const { server, address, identity } = options;
    this.#inner = new InProcessLink({ server, address, identity: () => identity()?.chain });
    this.#verifier = new ServerVerifier(options.trustDomain, options.bundle, options.clock);
  }

  async attest(request: AttestRequest): Promise<AttestResult> {
    return this.#through(request, async () => {
      const result = await this.#inner.attest(request);
      this.#options.onIssued(result.svid);
      return result;
    });
  }

  async getBundle(options: CallOptions = {}): Promise<SpiffeBundle> {
    return this.#through(options, () => this.#inner.getBundle(options));
  }

  async renewAgent(csrDer: Uint8Array, options: CallOptions = {}): Promise<IssuedX509Svid> {
    return this.#through(options, async () => {
      const svid = await this.#inner.renewAgent(csrDer, options);
      this.#options.onIssued(svid);
      return svid;
    });
  }

  async batchNewX509Svid(
    params: readonly NewX509SvidParams[],
    options: CallOptions = {},
  ): Promise<readonly IssueResult[]> {
    return this.#through(options, async () => {
      const results = await this.#inner.batchNewX509Svid(params, options);
      for (const result of results) if (result.kind === "issued") this.#options.onIssued(result.svid);
      return results;
    });
  }

  async newJwtSvid(entryId: string, audience: readonly string[], options: CallOptions = {}): Promise<IssuedJwtSvid> {
    return this.#through(options, async () => {
      const svid = await this.#inner.newJwtSvid(entryId, audience, options);
      this.#options.onJwtIssued(svid);
      return svid;
    });
  }

  async postStatus(agentVersion: string, options: CallOptions = {}): Promise<void> {
    return this.#through(options, () => this.#inner.postStatus(agentVersion, options));
  }

  openSync(hello: SyncHello, options: CallOptions = {}): SyncStream {
    let inner: SyncStream | undefined;
    let isClosed = false;
    const opening = this.#connect(options).then(() => {
      if (isClosed) throw commonErrors.error("ERR_SHUTTING_DOWN", "the stream was closed");
      inner = this.#inner.openSync(hello, options);
      return inner;
    });
    opening.catch(() => {});
    return {
      messages: this.#messages(opening),
      send: (message) => {
        if (this.#options.weather.reach === "open") inner?.send(message);
      },
      close: () => {
        isClosed = true;
        inner?.close();
      },
    };
  }

  identityChanged(): void {
    this.#isVerified = false;
    this.#inner.identityChanged();
  }

  /** Every connection breaks, now. */
  sever(): void {
    this.#isVerified = false;
    this.#broken.reject(transportErrors.error("ERR_CONNECTION_LOST", "the connection broke"));
    this.#broken = Promise.withResolvers<never>();
    this.#broken.promise.catch(() => {});
    this.#inner.sever();
  }

  async close(): Promise<void> {
    this.sever();
  }

  async *#messages(opening: Promise<SyncStream>): AsyncGenerator<SyncMessage> {
    const broken = this.#broken.promise;
    for await (const message of (await opening).messages) {
      if (this.#options.weather.reach !== "open") await broken;
      if (message.kind === "welcome") this.#options.onWelcome();
      if (message.kind === "page" && message.type === "entry" && message.last) this.#options.onEntriesTold();
      yield message;
    }
  }

  async #through<Answer>(options: CallOptions, run: () => Promise<Answer>): Promise<Answer> {
    const { weather, clock } = this.#options;
    const broken = this.#broken.promise;
    await this.#connect(options);
    await clock.sleep(weather.latencyMs(), cancelledBy(options));
    const answer = await run();
    if (weather.losesAnswer()) this.sever();
    if (weather.reach !== "open") await this.#nothing(options);
    return Promise.race([broken, clock.sleep(weather.latencyMs(), cancelledBy(options)).then(() => answer)]);
  }

  /** A handshake when there is no connection. */
  async #connect(options: CallOptions): Promise<void> {
    const { weather, clock, server } = this.#options;
    if (this.#isVerified && weather.reach === "silent") return this.#nothing(options);
    if (this.#isVerified) return;
    await clock.sleep(weather.latencyMs(), cancelledBy(options));
    if (weather.reach === "silent") return this.#nothing({ ...options, timeoutMs: connectTimeoutMs });
    const shown = server();
    if (weather.reach === "refused" || shown === undefined) {
      throw transportErrors.error("ERR_CONNECT_FAILED", "no connection to the server");
    }
    this.#verifier.verify(shown.tlsChain().map((der) => Certificate.parse(der)));
    this.#isVerified = true;
  }

  /** No answer, until the caller gives up or the connection does. */
  async #nothing(options: CallOptions): Promise<never> {
    const { timeoutMs = connectTimeoutMs } = options;
    const waiting = this.#options.clock.sleep(timeoutMs, cancelledBy(options)).then(() => {
      throw transportErrors.error("ERR_DEADLINE_EXCEEDED", "the call took too long");
    });
    return Promise.race([waiting, this.#broken.promise]);
  }
}

function cancelledBy({ signal }: CallOptions): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
