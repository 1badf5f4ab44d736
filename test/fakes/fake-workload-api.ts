import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePkcs8 } from "../../certs/index.ts";
import { healthService, workloadApiService } from "../../proto/services.ts";
import { noMetrics, silentLogger } from "../../runtime/core/index.ts";
import type { SpiffeBundle, SpiffeId, X509Svid } from "../../spiffe/index.ts";
import {
  defineErrors,
  type Listener,
  listenUnix,
  RpcRouter,
  type ServiceError,
  transportLimits,
} from "../../transport/index.ts";

export interface FakeUpdate {
  readonly svids: readonly X509Svid[];
  readonly bundles: readonly SpiffeBundle[];
}

/** A token that the test made; `claims` is what validation finds in it. */
export interface FakeToken {
  readonly id: SpiffeId;
  readonly token: string;
  readonly hint: string;
  readonly audience: readonly string[];
  readonly claims: Readonly<Record<string, string | number>>;
}

const errors = defineErrors({
  ERR_FAKE_DENIED: { status: "permissionDenied", meaning: "scripted", fix: "create an entry" },
  ERR_FAKE_INVALID: { status: "invalidArgument", meaning: "scripted", fix: "" },
  ERR_FAKE_AWAY: { status: "unavailable", meaning: "scripted", fix: "" },
});

/** A scripted Workload API on a real Unix socket: the test says what callers get. */
export class FakeWorkloadApi implements AsyncDisposable {
  readonly endpoint: string;
  readonly #folder: string;
  #listener: Listener | undefined;
  #state: Uint8Array | FakeUpdate | ServiceError = errors.error("ERR_FAKE_DENIED", "no identity issued");
  readonly #waiting = new Set<() => void>();
  #calls = 0;
  /** Given to those who ask for the audience, in this order; valid for it. */
  tokens: readonly FakeToken[] = [];
  /** Mints for FetchJWTSVID in place of `tokens`; empty: denied. */
  mint:
    | ((audience: readonly string[], spiffeId: string) => readonly FakeToken[] | Promise<readonly FakeToken[]>)
    | undefined;
  /** FetchJWTSVID calls so far. */
  jwtCalls = 0;
  #bundles: readonly SpiffeBundle[] | "denied" | undefined;
  /** What grpc.health.v1 answers. */
  isServing = true;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "w-"));
    this.endpoint = `unix://${this.#folder}/api.sock`;
  }

  static async start(): Promise<FakeWorkloadApi> {
    const api = new FakeWorkloadApi();
    await api.listen();
    return api;
  }

  /** FetchX509SVID calls so far. */
  get calls(): number {
    return this.#calls;
  }

  update(update: FakeUpdate): void {
    this.#set(update);
  }

  /** What both bundle streams send from now on. */
  updateBundles(bundles: readonly SpiffeBundle[] | "denied"): void {
    this.#bundles = bundles;
    this.#wake();
  }

  /** Bytes in place of a response message. */
  sendRaw(bytes: Uint8Array): void {
    this.#set(bytes);
  }

  deny(): void {
    this.#set(errors.error("ERR_FAKE_DENIED", "no identity issued"));
  }

  refuseForGood(): void {
    this.#set(errors.error("ERR_FAKE_INVALID", "bad request"));
  }

  async listen(): Promise<void> {
    const router = new RpcRouter();
    router.serverStream(workloadApiService.FetchX509SVID, async (_request, context, sink) => {
      this.#calls += 1;
      if (context.metadata("workload.spiffe.io").join() !== "true")
        throw errors.error("ERR_FAKE_INVALID", "no security header");
      let sent: unknown;
      for (;;) {
        const state = this.#state;
        if (state instanceof Error) throw state;
        if (state !== sent) await sink.send(state instanceof Uint8Array ? state : encode(state));
        sent = state;
        if (this.#state === sent) await this.#changed(context.signal);
      }
    });
    router.serverStream(workloadApiService.FetchX509Bundles, async (_request, context, sink) => {
      for await (const bundles of this.#bundleStates(context.signal)) {
        await sink.send({ bundles: byTrustDomain(bundles, (bundle) => Buffer.from(bundle.x509Der())), crl: [] });
      }
    });
    router.serverStream(workloadApiService.FetchJWTBundles, async (_request, context, sink) => {
      if (this.#bundles === undefined && this.tokens.length > 0) {
        const domains = new Set(this.tokens.map(({ id }) => id.trustDomain.idString));
        await sink.send({ bundles: Object.fromEntries([...domains].map((domain) => [domain, Buffer.from(noKeys)])) });
      }
      for await (const bundles of this.#bundleStates(context.signal)) {
        await sink.send({ bundles: byTrustDomain(bundles, (bundle) => Buffer.from(bundle.toWorkloadJwks())) });
      }
    });
    router.unary(workloadApiService.FetchJWTSVID, async ({ audience, spiffe_id }) => {
      this.jwtCalls += 1;
      const svids =
        (await this.mint?.(audience, spiffe_id)) ??
        this.tokens.filter(
          ({ id, audience: own }) =>
            audience.every((one) => own.includes(one)) && (spiffe_id === "" || spiffe_id === id.toString()),
        );
      if (svids.length === 0) throw errors.error("ERR_FAKE_DENIED", "no identity issued");
      return { svids: svids.map(({ id, token, hint }) => ({ spiffe_id: id.toString(), svid: token, hint })) };
    });
    router.unary(workloadApiService.ValidateJWTSVID, async ({ audience, svid }) => {
      const found = this.tokens.find(({ token, audience: own }) => token === svid && own.includes(audience));
      if (found === undefined) throw errors.error("ERR_FAKE_INVALID", "the token is not valid");
      return { spiffe_id: found.id.toString(), claims: { fields: structFields(found.claims) } };
    });
    router.unary(healthService.Check, async () => ({ status: this.isServing ? (1 as const) : (2 as const) }));
    this.#listener = await listenUnix({
      path: `${this.#folder}/api.sock`,
      mode: 0o700,
      directoryMode: 0o700,
      router,
      limits: transportLimits.workloadSocket,
      logger: silentLogger,
      metrics: noMetrics,
    });
  }

  /** The agent goes away: open streams break, nobody listens. */
  async disappear(): Promise<void> {
    await this.#listener?.close({ graceMs: 0 });
    this.#listener = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disappear();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #set(state: Uint8Array | FakeUpdate | ServiceError): void {
    this.#state = state;
    this.#wake();
  }

  /** Each state of the bundles, as long as the caller listens. */
  async *#bundleStates(signal: AbortSignal): AsyncGenerator<readonly SpiffeBundle[], void> {
    let sent: unknown;
    for (;;) {
      const bundles = this.#bundles;
      if (bundles === "denied") throw errors.error("ERR_FAKE_DENIED", "no identity issued");
      if (bundles !== undefined && bundles !== sent) yield bundles;
      sent = bundles;
      if (this.#bundles === sent) await this.#changed(signal);
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      signal.addEventListener("abort", () => reject(errors.error("ERR_FAKE_AWAY", "over")), { once: true });
    });
  }
}

const noKeys = '{"keys":[]}';

function byTrustDomain<Value>(
  bundles: readonly SpiffeBundle[],
  encodeBundle: (bundle: SpiffeBundle) => Value,
): Record<string, Value> {
  return Object.fromEntries(bundles.map((bundle) => [bundle.trustDomain.idString, encodeBundle(bundle)]));
}

function structFields(claims: FakeToken["claims"]): Record<string, { stringValue: string } | { numberValue: number }> {
  return Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [
      name,
      typeof value === "string" ? { stringValue: value } : { numberValue: value },
    ]),
  );
}

function encode({ svids, bundles }: FakeUpdate): Uint8Array {
  const own = new Set(svids.map((svid) => svid.id.trustDomain.name));
  return workloadApiService.FetchX509SVID.responseSerialize({
    svids: svids.map((svid) => ({
      spiffe_id: svid.id.toString(),
      x509_svid: Buffer.from(svid.chainDer()),
      x509_svid_key: Buffer.from(encodePkcs8(svid.key)),
      bundle: Buffer.from(bundles.find((bundle) => svid.id.isMemberOf(bundle.trustDomain))?.x509Der() ?? []),
      hint: svid.hint,
    })),
    federated_bundles: Object.fromEntries(
      bundles
        .filter((bundle) => !own.has(bundle.trustDomain.name))
        .map((bundle) => [bundle.trustDomain.idString, Buffer.from(bundle.x509Der())]),
    ),
  });
}
