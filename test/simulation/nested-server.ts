import { assembleCsr, buildCsr, Certificate, csrInfo, encodeSpki } from "../../certs/index.ts";
import { noMetrics, silentLogger } from "../../runtime/core/index.ts";
import { publishJwtAuthority } from "../../server/api/bundle/publish-jwt-authority.ts";
import type { UnaryRpc } from "../../server/api/rpc.ts";
import type { CoreServices } from "../../server/api/server-services.ts";
import { newDownstreamX509Ca } from "../../server/api/svid/new-downstream-x509-ca.ts";
import type { UpstreamAuthority, UpstreamBundle } from "../../server/authority/ports.ts";
import { anchorsOf } from "../../server/authority/upstream/anchors.ts";
import { selfSigned } from "../../server/authority/upstream/self-signed.ts";
import { callerOf } from "../../server/authorization/index.ts";
import { type CoreConfig, createServerCore, type ServerCore } from "../../server/core.ts";
import { inlineRunner } from "../../server/issuance/job-runner.ts";
import { MemoryKeyManager } from "../../server/keymanager/memory/memory-key-manager.ts";
import type { Store } from "../../server/store/ports.ts";
import { openInlineStore } from "../../server/store/sqlite/open.ts";
import { Selector, type SpiffeBundle, SpiffeId } from "../../spiffe/index.ts";
import type { FakeClock } from "../fakes/fake-clock.ts";
import { testKey } from "../fakes/fixture-keys.ts";
import { generateKeyAtOnce } from "../fakes/keys.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { exampleTrustDomain } from "../fakes/server-values.ts";

/** Everything but the lives. */
export function nestedConfig(ttls: CoreConfig["ttls"]): CoreConfig {
  return {
    trustDomain: exampleTrustDomain,
    adminIds: [],
    ttls,
    caKeyType: "ec-p256",
    jwtKeyType: "ec-p256",
    caSubject: undefined,
    jwtIssuer: undefined,
    auditLog: false,
    rateLimits: "off",
    pruneNodes: undefined,
    nodeAttestors: { joinToken: true, x509pop: undefined },
  };
}

/** A server on virtual time, under another one or at the top. */
export class NestedServer implements AsyncDisposable {
  readonly core: ServerCore;
  readonly #store: Store;
  readonly #key = testKey("ec-p256");

  private constructor(core: ServerCore, store: Store) {
    this.core = core;
    this.#store = store;
  }

  static async start(
    name: string,
    above: NestedServer | undefined,
    config: CoreConfig,
    clock: FakeClock,
    seed: number,
  ): Promise<NestedServer> {
    const { trustDomain } = config;
    const random = seededRandom(seed);
    const store = await openInlineStore({ trustDomain, clock, random, logger: silentLogger });
    await above?.createDownstreamEntry(`/server/${name}`);
    const core = await createServerCore(config, {
      clock,
      random,
      logger: silentLogger,
      metrics: noMetrics,
      store,
      keyManager: new MemoryKeyManager(generateKeyAtOnce),
      upstream: above === undefined ? selfSigned(clock, random) : above.asUpstreamOf(`/server/${name}`),
      runner: inlineRunner,
      serverVersion: "simulated",
      generateKey: generateKeyAtOnce,
    });
    return new NestedServer(core, store);
  }

  get bundle(): SpiffeBundle {
    const bundle = this.core.registry.bundle(this.core.services.trustDomain);
    if (bundle === undefined) throw new Error("there is no bundle");
    return bundle;
  }

  async x509Svid(path: string): Promise<readonly Certificate[]> {
    const id = SpiffeId.of(this.core.services.trustDomain, path);
    const request = { id, csrDer: buildCsr({ key: this.#key }), dnsNames: [], ttl: 0, notAfterCap: 0, hint: "" };
    const [outcome] = await this.core.issuance.issueX509Svids([{ ...request, profile: "workload" }]);
    if (outcome?.kind !== "issued") throw new Error(`not issued: ${outcome?.message}`);
    return outcome.svid.chain.map((der) => Certificate.parse(der));
  }

  async jwtSvid(path: string): Promise<string> {
    const id = SpiffeId.of(this.core.services.trustDomain, path);
    const request = { id, audience: ["all"], ttl: 0, notAfterCap: 0, hint: "", includeJti: false };
    return (await this.core.issuance.issueJwtSvid(request)).token;
  }

  async createDownstreamEntry(path: string): Promise<void> {
    const { trustDomain } = this.core.services;
    const entry = {
      id: `downstream${path.replaceAll("/", ".")}`,
      spiffeId: SpiffeId.of(trustDomain, path),
      parentId: SpiffeId.of(trustDomain, "/host"),
      selectors: [Selector.parse("unix:uid:0")],
      x509SvidTtl: 0,
      jwtSvidTtl: 0,
      federatesWith: [],
      admin: false,
      downstream: true,
      expiresAt: 0,
      dnsNames: [],
      storeSvid: false,
      hint: "",
      additionalAttributes: undefined,
    };
    const [outcome] = await this.#store.createEntries([entry], Math.floor(this.core.services.clock.now() / 1000));
    if (outcome?.kind !== "created") throw new Error(`no entry: ${outcome?.kind}`);
  }

  /** What the server below sees of this one, each call as a downstream caller through the gate. */
  asUpstreamOf(path: string): UpstreamAuthority {
    const caller = async () => {
      const { id, path: chain } = this.core.verifyPeer(await this.x509Svid(path));
      return callerOf({
        kind: "tls",
        connectionId: "nested",
        port: 1,
        address: "192.0.2.1",
        svid: { id, path: chain },
      });
    };
    return {
      mintX509Ca: async ({ trustDomain, signer, subject, ttl }) => {
        const info = csrInfo({ spkiDer: encodeSpki(signer.publicKey), subject, uriSans: [trustDomain.idString] });
        const csrDer = assembleCsr(info, signer.algorithm, await signer.sign(info));
        const answer = await this.#run(newDownstreamX509Ca, { csrDer, preferredTtl: ttl }, await caller());
        const trusted = answer.bundle.x509Authorities.filter(({ tainted }) => !tainted);
        return {
          chain: answer.chain,
          ...anchorsOf(
            answer.chain,
            trusted.map(({ certificate }) => certificate.der),
          ),
        };
      },
      publishJwtKey: async (key) => void (await this.#run(publishJwtAuthority, key, await caller())),
      followBundle: async (onBundle, signal) => {
        const { registry } = this.core;
        const ended = Promise.withResolvers<void>();
        const tell = (): void => void onBundle(upstreamBundle(this.bundle)).catch(ended.reject);
        const stop = registry.onApplied((changes) => {
          if (changes.some(({ type }) => type === "bundle")) tell();
        });
        signal.addEventListener("abort", () => ended.resolve(), { once: true });
        tell();
        await ended.promise.finally(stop);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.core[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }

  #run<Request, Response>(
    rpc: UnaryRpc<CoreServices, Request, Response>,
    request: Request,
    caller: Parameters<ServerCore["gate"]["run"]>[1],
  ): Promise<Response> {
    const { gate, services } = this.core;
    const context = { requestId: "nested", signal: new AbortController().signal };
    return gate.run(
      rpc,
      caller,
      context,
      () => request,
      (value, call) => rpc.handle(services, value, call),
    );
  }
}

function upstreamBundle(bundle: SpiffeBundle): UpstreamBundle {
  return {
    isComplete: true,
    x509: bundle.x509Authorities.map(({ certificate, tainted }) => ({ certificateDer: certificate.der, tainted })),
    jwt: bundle.jwtAuthorities,
  };
}
