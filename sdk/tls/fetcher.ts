import type { Agent, buildConnector, RequestInit, Response } from "undici";
import { systemClock } from "../../runtime/core/index.ts";
import { transportErrors } from "../../transport/errors/transport.ts";
import { refusedByAlert } from "../../transport/tls/index.ts";
import { type Authorizer, checkAuthorize, keyOf } from "../authorize.ts";
import { WorkloadError } from "../errors.ts";
import { workloadLimits } from "../limits.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import type { Unsubscribe } from "../source/live-state.ts";
import { UsageError } from "../usage-error.ts";
import { type Closing, type ClosingOptions, readClosing } from "./closing.ts";
import { addressOf, dialVerified, type VerifiedClientOptions } from "./dial.ts";
import { fetchError } from "./fetch-error.ts";

/** As of undici's `fetch`, whose `dispatcher` is ours. */
export interface SourceFetchOptions extends Omit<RequestInit, "dispatcher">, VerifiedClientOptions, ClosingOptions {}

/** What connections that may be shared have in common. */
interface Terms {
  readonly authorize: Authorizer;
  readonly closing: Closing | undefined;
}

/**
 * The pooled connections of one source, apart by what authorises the server. Not loaded: undici, before the first call.
 */
export class Fetcher {
  readonly #source: IdentitySource;
  /** The one used most recently is last. */
  readonly #agents = new Map<string, Agent>();
  readonly #numbers = new WeakMap<Authorizer, number>();
  #lastNumber = 0;
  readonly #stopFollowing: Unsubscribe;

  constructor(source: IdentitySource) {
    this.#source = source;
    // New identity, new bundles: what is under way ends in peace, and nothing new goes over the old connections.
    this.#stopFollowing = source.onChange(() => this.#retireAll());
  }

  async fetch(url: string | URL, options: SourceFetchOptions): Promise<Response> {
    checkAuthorize(options, "fetch");
    if ("dispatcher" in options) {
      const fix = "leave it out: a dispatcher would connect without our verification";
      throw new UsageError("ERR_OPTION_UNKNOWN", "fetch has no option `dispatcher`", { fix });
    }
    const { authorize, closeWhen: _when, closeGraceMs: _grace, ...init } = options;
    const terms = { authorize, closing: readClosing(options, "fetch") };
    if (new URL(url).protocol !== "https:") throw plainHttp();
    const undici = await import("undici");
    this.#checkIdentity();
    try {
      return await undici.fetch(url, { ...init, dispatcher: this.#agent(terms, undici.Agent) });
    } catch (error) {
      throw fetchError(error);
    }
  }

  close(): void {
    this.#stopFollowing();
    this.#retireAll();
  }

  /** An expired identity must not live on in connections that were made with it. */
  #checkIdentity(): void {
    try {
      void this.#source.svid;
    } catch (error) {
      this.#retireAll();
      throw error;
    }
  }

  #agent(terms: Terms, NewAgent: typeof Agent): Agent {
    const key = this.#keyOf(terms);
    const agent = this.#agents.get(key) ?? this.#newAgent(key, terms, NewAgent);
    this.#agents.delete(key);
    this.#agents.set(key, agent);
    for (const [oldest, unused] of this.#agents) {
      if (this.#agents.size <= workloadLimits.fetchPools.value) break;
      this.#agents.delete(oldest);
      retire(unused);
    }
    return agent;
  }

  #keyOf({ authorize, closing }: Terms): string {
    const known = keyOf(authorize);
    // Authorisers that cannot be compared get a number, which looks like no key of one that can.
    const who = typeof known === "string" ? known : (this.#numbers.get(known) ?? ++this.#lastNumber);
    if (typeof who === "number") this.#numbers.set(authorize, who);
    const when = closing === undefined ? "" : ` ${[...closing.reasons].sort().join()} ${closing.graceMs}`;
    return `${who}${when}`;
  }

  #newAgent(key: string, terms: Terms, NewAgent: typeof Agent): Agent {
    const agent: Agent = new NewAgent({
      // A pool has no way to give up one connection in peace: it goes as a whole, and a new one takes its place.
      connect: connector(this.#source, terms, () => {
        if (this.#agents.get(key) === agent) this.#agents.delete(key);
        retire(agent);
      }),
    });
    return agent;
  }

  #retireAll(): void {
    for (const agent of this.#agents.values()) retire(agent);
    this.#agents.clear();
  }
}

/** Open requests go on to their end; then, and where there are none at once, the connections are closed. */
function retire(agent: Agent): void {
  // Destroyed already, by the user's program: there is nothing to wait for.
  agent.close().catch(() => {});
}

function connector(
  source: IdentitySource,
  { authorize, closing }: Terms,
  onRetire: () => void,
): buildConnector.connector {
  return ({ protocol, hostname, port }, callback) => {
    // A redirection can lead here.
    if (protocol !== "https:") {
      callback(plainHttp(), null);
      return;
    }
    const abort = new AbortController();
    const timer = systemClock.setTimer(workloadLimits.connectTimeoutMs.value, () => abort.abort(tooSlow(hostname)));
    dialVerified(source, authorize, {
      ...addressOf({ hostname, port }),
      alpnProtocols: ["http/1.1"],
      allowsNoAlpn: true,
      signal: abort.signal,
      closing,
      retire: onRetire,
    })
      .then(
        (socket) => {
          // Node goes on to the stream's end after an alert, which is all that undici would tell.
          socket.on("error", (error) => void (socket.destroyed || socket.destroy(refusedByAlert(error) ?? error)));
          callback(null, socket);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
      )
      .finally(() => timer.cancel());
  };
}

function plainHttp(): WorkloadError {
  return new WorkloadError("ERR_PLAIN_HTTP", "the address is not of https");
}

function tooSlow(hostname: string): Error {
  return transportErrors.error(
    "ERR_CONNECT_FAILED",
    `no connection to ${hostname} within ${workloadLimits.connectTimeoutMs.value} ms`,
  );
}
