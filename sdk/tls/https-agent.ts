import type { ClientRequestArgs } from "node:http";
import { Agent, type AgentOptions } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { type Authorizer, checkAuthorize } from "../authorize.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { X509Source } from "../source/x509-source.ts";
import { type Closing, type ClosingOptions, readClosing } from "./closing.ts";
import { dialVerified, type VerifiedClientOptions } from "./dial.ts";

/** As of `https.Agent`, with `authorize`. */
export interface HttpsAgentOptions extends VerifiedClientOptions, ClosingOptions {
  /** Keep connections for later requests. Default `false`. */
  readonly keepAlive?: boolean;
  /** Connections to one host and port at once. Default: no limit. */
  readonly maxSockets?: number;
  /** Connections that are kept free for later. Default 256. */
  readonly maxFreeSockets?: number;
  /** Connections at once, to all hosts and ports. Default: no limit. */
  readonly maxTotalSockets?: number;
  /** Which free connection serves next: the one used last, or first. Default `lifo`. */
  readonly scheduling?: "fifo" | "lifo";
  /** Milliseconds before a kept connection is probed. Default 1,000. */
  readonly keepAliveMsecs?: number;
  /** Milliseconds of silence after which a free socket is closed. */
  readonly timeout?: number;
}

/**
 * An agent for `https.request` and what is built on it (the `agent` of a WebSocket of ws, too). It shows the source's
 * newest SVID and hands a connection over only after the server was verified against the bundle of its own trust domain
 * (X509-SVID §5) and authorised: not one byte of a request goes to anybody else. The server's host name plays no part.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
 */
export function createHttpsAgent(source: X509Source, options: HttpsAgentOptions): Agent {
  checkSource(source, "createHttpsAgent");
  checkAuthorize(options, "createHttpsAgent");
  knownOptions(options, agentOptions, "createHttpsAgent");
  return new SourceAgent(source, options);
}

const agentOptions = [
  "authorize",
  "closeWhen",
  "closeGraceMs",
  "keepAlive",
  "maxSockets",
  "maxFreeSockets",
  "maxTotalSockets",
  "scheduling",
  "keepAliveMsecs",
  "timeout",
] as const satisfies readonly (keyof HttpsAgentOptions)[];

type Created = (error: Error | null, socket: Duplex) => void;

class SourceAgent extends Agent {
  readonly #source: X509Source;
  readonly #authorize: Authorizer;
  readonly #closing: Closing | undefined;
  readonly #retired = new WeakSet<Duplex>();

  constructor(source: X509Source, options: HttpsAgentOptions) {
    const { authorize, closeWhen: _when, closeGraceMs: _grace, ...ofNode } = options;
    super(ofNode satisfies AgentOptions);
    this.#source = source;
    this.#authorize = authorize;
    this.#closing = readClosing(options, "createHttpsAgent");
  }

  /** Asked when a request is over, by node:http: false closes the connection. */
  override keepSocketAlive(socket: Duplex): boolean {
    // It answers like this, whatever its type says.
    const answer: unknown = Reflect.apply(super.keepSocketAlive, this, [socket]);
    return answer !== false && !this.#retired.has(socket);
  }

  override createConnection(options: ClientRequestArgs, created?: Created): undefined {
    void this.#connect(options).then(
      (socket) => created?.(null, socket),
      // Node's types want a socket beside the error; there is none.
      (error: unknown) => Reflect.apply(created ?? (() => {}), undefined, [error]),
    );
  }

  #connect(options: ClientRequestArgs): Promise<Duplex> {
    return dialVerified(this.#source, this.#authorize, {
      host: options.host ?? options.hostname ?? "localhost",
      port: Number(options.port ?? 443),
      alpnProtocols: ["http/1.1"],
      allowsNoAlpn: true,
      closing: this.#closing,
      retire: (socket) => this.#retire(socket),
    });
  }

  #retire(socket: TLSSocket): void {
    this.#retired.add(socket);
    const isFree = Object.values(this.freeSockets).some((sockets) => sockets?.includes(socket));
    if (isFree) socket.destroy();
  }
}
