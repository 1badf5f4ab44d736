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
  SyncAck,
  SyncHello,
  SyncMessage,
  SyncStatus,
  SyncStream,
} from "../../proto/domain/link.ts";
import type { SpiffeBundle, VerifiedX509Svid } from "../../spiffe/index.ts";
import type { ServiceError } from "../../transport/errors/service-error.ts";
import { transportErrors } from "../../transport/errors/transport.ts";
import { type AnonymousCaller, type SvidCaller, svidCaller } from "../authorization/index.ts";
import { attestAgent } from "./agent/attest-agent.ts";
import { postStatus } from "./agent/post-status.ts";
import { renewAgent } from "./agent/renew-agent.ts";
import { getBundle } from "./bundle/get-bundle.ts";
import type { CallContext, Gate } from "./gate.ts";
import { Rendezvous } from "./rendezvous.ts";
import type { UnaryRpc } from "./rpc.ts";
import type { CoreServices } from "./server-services.ts";
import { batchNewX509Svid } from "./svid/batch-new-x509-svid.ts";
import { newJwtSvid } from "./svid/new-jwt-svid.ts";
import { openSync } from "./sync/open.ts";

/** A server that can be reached without sockets. */
export interface ReachableServer {
  readonly gate: Gate;
  readonly services: CoreServices;
  verifyPeer(chain: readonly Certificate[]): VerifiedX509Svid;
}

export interface InProcessLinkOptions {
  /** Asked at every call; `undefined` = nobody answers there. */
  readonly server: () => ReachableServer | undefined;
  /** The address the server sees, for its rate limits. */
  readonly address: string;
  /** DER, leaf first: what the agent would show at a handshake now. `undefined` = nothing. */
  readonly identity: () => readonly Uint8Array[] | undefined;
}

/**
 * The link to a server in the same process: the same gate and services as over the wire, without bytes. For simulation on
 * virtual time. The identity is verified once per "connection", as at a handshake: `identityChanged` makes a new one.
 */
export class InProcessLink implements ServerLink {
  readonly #options: InProcessLinkOptions;
  #caller: SvidCaller | undefined;
  #cut = new AbortController();
  #calls = 0;

  constructor(options: InProcessLinkOptions) {
    this.#options = options;
  }

  async attest(request: AttestRequest): Promise<AttestResult> {
    const { gate, services } = this.#server();
    const { type, payload, csrDer } = request;
    return this.#within(request, (context) =>
      gate.run(
        attestAgent,
        this.#anonymous(),
        context,
        () => ({ type, payload, csrDer }),
        (start, call) => attestAgent.handle(services, start, call, request.answer),
      ),
    );
  }

  async getBundle(options: CallOptions = {}): Promise<SpiffeBundle> {
    return this.#run(getBundle, undefined, options, this.#anonymous());
  }

  async renewAgent(csrDer: Uint8Array, options: CallOptions = {}): Promise<IssuedX509Svid> {
    return this.#run(renewAgent, { csrDer }, options, this.#agent());
  }

  async batchNewX509Svid(
    params: readonly NewX509SvidParams[],
    options: CallOptions = {},
  ): Promise<readonly IssueResult[]> {
    const { results } = await this.#run(batchNewX509Svid, params, options, this.#agent());
    return results;
  }

  async newJwtSvid(entryId: string, audience: readonly string[], options: CallOptions = {}): Promise<IssuedJwtSvid> {
    return this.#run(newJwtSvid, { entryId, audience }, options, this.#agent());
  }

  async postStatus(agentVersion: string, options: CallOptions = {}): Promise<void> {
    return this.#run(postStatus, { agentVersion }, options, this.#agent());
  }

  openSync(hello: SyncHello, options: CallOptions = {}): SyncStream {
    const outbound = new Rendezvous<SyncMessage>();
    const inbound = new Rendezvous<SyncAck | SyncStatus>();
    const ended = async (): Promise<void> => {
      const { gate, services } = this.#server();
      await this.#within(options, (context) =>
        gate.run(
          openSync,
          this.#agent(),
          context,
          () => hello,
          (start, call) =>
            openSync.handle(services, start, call, inbound, (message) => outbound.send(message, call.signal)),
        ),
      );
    };
    ended().then(
      () => outbound.end(),
      (error: unknown) => outbound.fail(error),
    );
    return { messages: outbound, send: (message) => inbound.post(message), close: () => inbound.end() };
  }

  identityChanged(): void {
    this.#caller = undefined;
  }

  /** The connection breaks: open calls end as they would. */
  sever(): void {
    this.#cut.abort(connectionLost());
    this.#cut = new AbortController();
    this.#caller = undefined;
  }

  async close(): Promise<void> {
    this.sever();
  }

  #server(): ReachableServer {
    const server = this.#options.server();
    if (server === undefined) throw transportErrors.error("ERR_CONNECT_FAILED", "no server is there");
    return server;
  }

  #anonymous(): AnonymousCaller {
    return { kind: "anonymous", address: this.#options.address };
  }

  /** Anonymous without an identity; a chain that does not verify is a failed handshake. */
  #agent(): SvidCaller | AnonymousCaller {
    const { identity, address } = this.#options;
    const shown = identity();
    if (shown === undefined) return this.#anonymous();
    if (this.#caller !== undefined) return this.#caller;
    const chain = shown.map((der) => Certificate.parse(der));
    try {
      this.#caller = svidCaller(this.#server().verifyPeer(chain), address);
      return this.#caller;
    } catch (cause) {
      throw transportErrors.error("ERR_CONNECT_FAILED", "the server refused the connection", { cause });
    }
  }

  async #run<Request, Response>(
    rpc: UnaryRpc<CoreServices, Request, Response>,
    request: Request,
    options: CallOptions,
    caller: SvidCaller | AnonymousCaller,
  ): Promise<Response> {
    const { gate, services } = this.#server();
    return this.#within(options, (context) =>
      gate.run(
        rpc,
        caller,
        context,
        () => request,
        (value, call) => rpc.handle(services, value, call),
      ),
    );
  }

  /** A call ends for its caller when it is cancelled, late or cut off, whatever the server still does. */
  async #within<Result>(
    { signal, timeoutMs }: CallOptions,
    run: (context: CallContext) => Promise<Result>,
  ): Promise<Result> {
    this.#calls += 1;
    const late = new AbortController();
    const timer =
      timeoutMs === undefined
        ? undefined
        : this.#server().services.clock.setTimer(timeoutMs, () => {
            late.abort(transportErrors.error("ERR_DEADLINE_EXCEEDED", "the call took too long"));
          });
    const either = AbortSignal.any([this.#cut.signal, late.signal, ...(signal === undefined ? [] : [signal])]);
    const { promise: over, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(either.reason);
    either.addEventListener("abort", onAbort, { once: true });
    try {
      either.throwIfAborted();
      return await Promise.race([run({ requestId: `${this.#options.address}-${this.#calls}`, signal: either }), over]);
    } finally {
      either.removeEventListener("abort", onAbort);
      timer?.cancel();
    }
  }
}

function connectionLost(): ServiceError {
  return transportErrors.error("ERR_CONNECTION_LOST", "the connection broke");
}
