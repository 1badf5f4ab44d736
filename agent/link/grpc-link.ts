import { decodeAttestStep, encodeAttestStart, encodeChallengeResponse } from "../../proto/convert/attest.ts";
import { decodeBundle } from "../../proto/convert/bundle.ts";
import { decodeIssueResults, decodeJwtSvid, decodeX509Svid } from "../../proto/convert/svid.ts";
import { decodeServerMessage, encodeAgentMessage, encodeHello } from "../../proto/convert/sync.ts";
import type {
  AttestRequest,
  AttestResult,
  CallOptions,
  IssuedJwtSvid,
  IssuedX509Svid,
  IssueResult,
  NewX509SvidParams,
  PollingLink,
  ServerLink,
  SyncAck,
  SyncHello,
  SyncMessage,
  SyncStatus,
  SyncStream,
} from "../../proto/domain/link.ts";
import { agentService, bundleService, svidService, syncService } from "../../proto/services.ts";
import type { Clock } from "../../runtime/core/index.ts";
import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { type BidiCall, dialTls, type RpcChannel, ServiceError, serverIdOf } from "../../transport/index.ts";
import { agentErrors } from "../errors.ts";
import type { NodeIdentity } from "../identity/node-identity.ts";
import { fetchAuthorizedEntries } from "./authorized-entries.ts";
import { ServerVerifier } from "./server-verifier.ts";

export interface GrpcLinkOptions {
  readonly address: { readonly host: string; readonly port: number };
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  /** The agent's identity as it is when a connection is opened. */
  readonly identity: () => NodeIdentity | undefined;
  /** `undefined`: trust on first use. */
  readonly bundle: () => SpiffeBundle | undefined;
  /** Set: attestation, and only that, is judged by it instead. */
  readonly bootstrapBundle: () => SpiffeBundle | undefined;
  /** The server asked the agent's connection to leave; what is open on it goes on, the next call gets a new one. */
  readonly onLeaving: () => void;
}

/** Finds out that the server's host vanished, milliseconds; TCP alone would take a quarter of an hour. */
const keepAlive = { everyMs: 30_000, timeoutMs: 10_000 };

/**
 * The link to a server over gRPC on verified TLS. One connection with the agent's certificate carries everything; a
 * new identity gets a new connection, and the old one is left to end its calls.
 */
export class GrpcLink implements ServerLink {
  readonly #options: GrpcLinkOptions;
  readonly #verifier: ServerVerifier;
  readonly #attestationVerifier: ServerVerifier;
  /** Without client certificate, for attestation. */
  #anonymous: RpcChannel | undefined;
  #authenticated: RpcChannel | undefined;

  constructor(options: GrpcLinkOptions) {
    this.#options = options;
    const { trustDomain, bundle, bootstrapBundle, clock } = options;
    this.#verifier = new ServerVerifier(trustDomain, bundle, clock);
    this.#attestationVerifier = new ServerVerifier(trustDomain, () => bootstrapBundle() ?? bundle(), clock);
  }

  async attest(request: AttestRequest): Promise<AttestResult> {
    this.#anonymous ??= this.#dial(undefined);
    const call = this.#anonymous.bidi(agentService.AttestAgent, optionsOf(request));
    try {
      call.send(encodeAttestStart(request));
      for await (const message of call.responses) {
        const step = decodeAttestStep(message);
        if (step.kind === "result") return step.result;
        call.send(encodeChallengeResponse(await request.answer(step.challenge)));
      }
    } finally {
      call.end();
    }
    throw agentErrors.error("ERR_RESPONSE_UNUSABLE", "the attestation ended without a result");
  }

  async getBundle(options: CallOptions = {}): Promise<SpiffeBundle> {
    const channel = this.#anonymous ?? this.#authenticated ?? this.#dialAnonymous();
    return decodeBundle(await channel.unary(bundleService.GetBundle, {}, optionsOf(options)));
  }

  async renewAgent(csrDer: Uint8Array, options: CallOptions = {}): Promise<IssuedX509Svid> {
    const request = { params: { csr: Buffer.from(csrDer) } };
    const { svid } = await this.#channel().unary(agentService.RenewAgent, request, optionsOf(options));
    return decodeX509Svid(svid);
  }

  async batchNewX509Svid(
    params: readonly NewX509SvidParams[],
    options: CallOptions = {},
  ): Promise<readonly IssueResult[]> {
    const request = { params: params.map(({ entryId, csrDer }) => ({ entry_id: entryId, csr: Buffer.from(csrDer) })) };
    const { results } = await this.#channel().unary(svidService.BatchNewX509SVID, request, optionsOf(options));
    return decodeIssueResults(results, params.length);
  }

  async newJwtSvid(entryId: string, audience: readonly string[], options: CallOptions = {}): Promise<IssuedJwtSvid> {
    const request = { entry_id: entryId, audience: [...audience] };
    const { svid } = await this.#channel().unary(svidService.NewJWTSVID, request, optionsOf(options));
    return decodeJwtSvid(svid);
  }

  async postStatus(agentVersion: string, options: CallOptions = {}): Promise<void> {
    await this.#channel().unary(agentService.PostStatus, { agent_version: agentVersion }, optionsOf(options));
  }

  openSync(hello: SyncHello, options: CallOptions = {}): SyncStream {
    const call = this.#channel().bidi(syncService.Open, optionsOf(options));
    call.send(encodeHello(hello));
    return {
      messages: known(call),
      send: (message: SyncAck | SyncStatus) => call.send(encodeAgentMessage(message)),
      close: () => call.cancel(),
    };
  }

  readonly polling: PollingLink = {
    authorizedEntries: async (known, options) => {
      const parentId = serverIdOf(this.#options.trustDomain);
      return fetchAuthorizedEntries(this.#channel(), known, parentId, options);
    },
    federatedBundle: async (trustDomain, options = {}) => {
      const request = { trust_domain: trustDomain.name };
      try {
        return decodeBundle(await this.#channel().unary(bundleService.GetFederatedBundle, request, optionsOf(options)));
      } catch (error) {
        if (error instanceof ServiceError && error.status === "notFound") return undefined;
        throw error;
      }
    },
  };

  identityChanged(): void {
    const identity = this.#options.identity();
    this.#anonymous?.drain();
    this.#anonymous = undefined;
    this.#authenticated?.drain();
    this.#authenticated = identity === undefined ? undefined : this.#dial(identity);
  }

  async close(): Promise<void> {
    this.#anonymous?.close();
    this.#authenticated?.close();
  }

  #dialAnonymous(): RpcChannel {
    this.#anonymous = this.#dial(undefined);
    return this.#anonymous;
  }

  #channel(): RpcChannel {
    if (this.#authenticated !== undefined) return this.#authenticated;
    throw agentErrors.error("ERR_AGENT_NOT_READY", "the agent has no identity to call the server with");
  }

  #dial(identity: NodeIdentity | undefined): RpcChannel {
    const { address, clock, onLeaving } = this.#options;
    const verifier = identity === undefined ? this.#attestationVerifier : this.#verifier;
    return dialTls({
      address,
      clock,
      keepAlive,
      verifyServer: (chain) => verifier.verify(chain),
      ...(identity === undefined ? {} : { onLeaving, identity: () => ({ chain: identity.chain, key: identity.key }) }),
    });
  }
}

/** Messages of kinds that this agent does not know are skipped. */
async function* known<Request, Response extends Parameters<typeof decodeServerMessage>[0]>(
  call: BidiCall<Request, Response>,
): AsyncGenerator<SyncMessage> {
  for await (const wire of call.responses) {
    const message = decodeServerMessage(wire);
    if (message !== undefined) yield message;
  }
}

function optionsOf({ signal, timeoutMs }: CallOptions): CallOptions {
  return { ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}
