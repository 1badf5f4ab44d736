import type { KeyObject } from "node:crypto";
import { assembleCsr, type Certificate, csrInfo, encodeSpki } from "../../../certs/index.ts";
import { decodeBundle, encodeJwtKey } from "../../../proto/convert/bundle.ts";
import { bundleService, svidService } from "../../../proto/services.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import type { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import {
  type CallOptions,
  dialTls,
  type RpcChannel,
  ServiceError,
  verifyTrustDomainServer,
} from "../../../transport/index.ts";
import { serverErrors } from "../../errors.ts";
import type { UpstreamAuthority } from "../ports.ts";
import { anchorsOf } from "./anchors.ts";

/** One of this process's SVIDs. */
export interface WorkloadSvid {
  readonly id: string;
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
}

/** This process's own identities from the local Workload API; the entry of one of them is a downstream one above. */
export interface WorkloadIdentity extends AsyncDisposable {
  /** SPIFFE IDs, the default first. */
  readonly ids: readonly string[];
  /** That of `id` when there is one, else the default. @throws when there is none, or it has expired */
  current(id: string | undefined): WorkloadSvid;
  bundle(trustDomain: TrustDomain): SpiffeBundle | undefined;
  onChange(listener: () => void): () => void;
}

export interface SpireUpstreamOptions {
  readonly trustDomain: TrustDomain;
  readonly address: { readonly host: string; readonly port: number };
  /** Resolves when there is an identity. */
  readonly openIdentity: (signal: AbortSignal) => Promise<WorkloadIdentity>;
  readonly clock: Clock;
  /** How often the bundle above is read, milliseconds. */
  readonly pollMs?: number;
}

const callTimeoutMs = 10_000;
/** In one call: each costs a handshake. */
const identitiesTried = 8;

/**
 * A server of the same trust domain above this one, SPIRE's or ours: CA certificates by NewDownstreamX509CA, JWT keys by
 * PublishJWTAuthority, its bundle by GetBundle. Nothing tells a process with several identities which of them is the
 * downstream one: when the one it shows is denied, it shows the next.
 *
 * Rejects with ERR_UPSTREAM_UNAVAILABLE; the cause says why.
 */
export class SpireUpstream implements UpstreamAuthority, AsyncDisposable {
  readonly #options: SpireUpstreamOptions;
  readonly #closing = new AbortController();
  #opening: Promise<WorkloadIdentity> | undefined;
  #channel: RpcChannel | undefined;
  /** The identity to show; `undefined`: the default. */
  #shownId: string | undefined;

  constructor(options: SpireUpstreamOptions) {
    this.#options = options;
  }

  async mintX509Ca({ trustDomain, signer, subject, ttl }: Parameters<UpstreamAuthority["mintX509Ca"]>[0]) {
    const info = csrInfo({ spkiDer: encodeSpki(signer.publicKey), subject, uriSans: [trustDomain.idString] });
    const csr = assembleCsr(info, signer.algorithm, await signer.sign(info));
    const request = { csr, preferred_ttl: Math.min(ttl, 2_147_483_647) };
    const { ca_cert_chain } = await this.#call("a CA certificate", (channel, options) =>
      channel.unary(svidService.NewDownstreamX509CA, request, options),
    );
    // The answer lists roots without saying which are tainted; the bundle does.
    const bundle = await this.#bundle();
    const chain = ca_cert_chain.map((der) => Uint8Array.from(der));
    const trusted = bundle.x509Authorities.filter(({ tainted }) => !tainted);
    return {
      chain,
      ...anchorsOf(
        chain,
        trusted.map(({ certificate }) => certificate.der),
      ),
    };
  }

  async publishJwtKey(key: Parameters<NonNullable<UpstreamAuthority["publishJwtKey"]>>[0]): Promise<void> {
    await this.#call("the publication of a JWT key", async (channel, options) => {
      await channel.unary(bundleService.PublishJWTAuthority, { jwt_authority: encodeJwtKey(key) }, options);
    });
  }

  async followBundle(
    onBundle: Parameters<NonNullable<UpstreamAuthority["followBundle"]>>[0],
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, pollMs = 5_000 } = this.#options;
    let seen: SpiffeBundle | undefined;
    while (!signal.aborted) {
      const bundle = await this.#bundle();
      if (seen === undefined || !bundle.equals(seen)) {
        const x509 = bundle.x509Authorities.map(({ certificate, tainted }) => {
          return { certificateDer: certificate.der, tainted };
        });
        await onBundle({ isComplete: true, x509, jwt: bundle.jwtAuthorities });
        seen = bundle;
      }
      await clock.sleep(pollMs, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(serverErrors.error("ERR_UPSTREAM_UNAVAILABLE", "the server is stopping"));
    this.#channel?.close();
    const identity = await this.#opening?.catch(() => undefined);
    await identity?.[Symbol.asyncDispose]();
  }

  #bundle(): Promise<SpiffeBundle> {
    return this.#call("the bundle", async (channel, options) =>
      decodeBundle(await channel.unary(bundleService.GetBundle, {}, options)),
    );
  }

  /** `body` makes one call: when a new SVID comes, the channel takes no second one. */
  async #call<Value>(
    what: string,
    body: (channel: RpcChannel, options: CallOptions) => Promise<Value>,
  ): Promise<Value> {
    const denied = new Set<string>();
    try {
      const identity = await this.#identity();
      for (;;) {
        const { id } = identity.current(this.#shownId);
        this.#channel ??= this.#dial(identity);
        try {
          return await body(this.#channel, { timeoutMs: callTimeoutMs, signal: this.#closing.signal });
        } catch (error) {
          if (!(error instanceof ServiceError) || error.status !== "permissionDenied") throw error;
          denied.add(id);
          const next = identity.ids.find((one) => !denied.has(one));
          if (next === undefined || denied.size === identitiesTried) throw error;
          this.#show(next);
        }
      }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : "unknown";
      const as = denied.size === 0 ? "" : ` as ${[...denied].join(", ")}`;
      throw serverErrors.error("ERR_UPSTREAM_UNAVAILABLE", `${what} could not be had from above${as}: ${why}`, {
        cause,
      });
    }
  }

  #show(id: string): void {
    if (this.#shownId === id) return;
    this.#shownId = id;
    this.#leave();
  }

  #leave(): void {
    this.#channel?.drain();
    this.#channel = undefined;
  }

  async #identity(): Promise<WorkloadIdentity> {
    this.#opening ??= this.#open();
    try {
      return await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  async #open(): Promise<WorkloadIdentity> {
    const identity = await this.#options.openIdentity(this.#closing.signal);
    // A new SVID needs a new connection: on the old one its predecessor would be judged, and expire.
    identity.onChange(() => this.#leave());
    return identity;
  }

  #dial(identity: WorkloadIdentity): RpcChannel {
    const { address, clock } = this.#options;
    return dialTls({
      address,
      clock,
      identity: () => identity.current(this.#shownId),
      verifyServer: (chain) => this.#verify(identity, chain),
    });
  }

  /** Above us is `spiffe://<trust domain>/spire/server`, and nobody else. */
  #verify(identity: WorkloadIdentity, chain: readonly Certificate[]): void {
    const { trustDomain, clock } = this.#options;
    const bundles = { get: (name: TrustDomain) => identity.bundle(name) };
    verifyTrustDomainServer({ chain, trustDomain, bundles, atMs: clock.now() });
  }
}
