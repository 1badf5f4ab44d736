import { encodeJwtSvidResponse, encodeValidateJwtSvidResponse } from "../../proto/workload/service-codec.ts";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import {
  BundleMap,
  type SpiffeBundle,
  SpiffeError,
  SpiffeId,
  verifyJwtSvid,
  type X509Svid,
} from "../../spiffe/index.ts";
import type { ServiceError } from "../../transport/errors/service-error.ts";
import { knownOptions } from "../known-options.ts";
import { UsageError } from "../usage-error.ts";
import { encodeJwtBundles, encodeX509Bundles, encodeX509State } from "./encode-state.ts";
import { readIdentity, type TestIdentity } from "./identity.ts";
import { noIdentity, type RefusalOptions, type RefusalStatus, refusal } from "./refusal.ts";
import { issuerOptions, TestIssuer, type TestIssuerOptions } from "./test-issuer.ts";
import { type WorkloadAnswers, type WorkloadApiMethod, WorkloadServer } from "./workload-server.ts";

/** What `TestWorkloadApi.start` takes. */
export interface TestWorkloadApiOptions extends TestIssuerOptions {
  /** Who issues. Default: a new issuer for `trustDomain` with the lives given here. */
  readonly issuer?: TestIssuer;
  /** Of the new issuer. Default: `example.org`. */
  readonly trustDomain?: string;
  /** What the program under test is; the first is its default identity. Default: `/workload`. Empty: it has none. */
  readonly svids?: readonly (string | TestIdentity)[];
  /** Trust domains whose members the program may verify, too. */
  readonly federatesWith?: readonly (TestIssuer | TestWorkloadApi)[];
  /** Default: a Unix socket in a folder of its own. `tcp`: a free port of 127.0.0.1. */
  readonly listen?: "unix" | "tcp";
}

/**
 * An issuer and a Workload API in this process, for one program under test: real certificates, keys and tokens on a
 * real socket, which any SPIFFE library can use. It holds nothing global, writes nothing but its socket and leaves no
 * file.
 */
export class TestWorkloadApi implements AsyncDisposable {
  /** Who issues what is given out. */
  readonly issuer: TestIssuer;
  readonly #clock: Clock;
  #server: WorkloadServer | undefined;
  #identities: readonly (string | TestIdentity)[];
  #svids: readonly X509Svid[] = [];
  #refusal: ServiceError | undefined;
  /** Each with how to stop listening to it. */
  readonly #issuers = new Map<TestIssuer, () => void>();

  private constructor(options: TestWorkloadApiOptions) {
    const { issuer, trustDomain, clock = systemClock, x509TtlMs, jwtTtlMs } = options;
    this.#clock = clock;
    this.issuer =
      issuer ??
      TestIssuer.create(trustDomain, {
        clock,
        ...(x509TtlMs === undefined ? {} : { x509TtlMs }),
        ...(jwtTtlMs === undefined ? {} : { jwtTtlMs }),
      });
    this.#identities = options.svids ?? ["/workload"];
    this.#svids = this.#issue(this.#identities);
    for (const issuer of [this.issuer, ...issuersOf(options.federatesWith ?? [])]) this.#follow(issuer);
  }

  /**
   * Resolves when it can be called.
   * @throws SpiffeError when a path or the trust domain is malformed; UsageError ERR_OPTION_UNKNOWN,
   * ERR_ARGUMENT_INVALID
   */
  static async start(options: TestWorkloadApiOptions = {}): Promise<TestWorkloadApi> {
    checkOptions(options);
    const api = new TestWorkloadApi(options);
    api.#server = await WorkloadServer.start(api.#answers(), options.listen);
    return api;
  }

  /** Where it listens, `unix:///…` or `tcp://127.0.0.1:…`: for `endpoint` of the SDK. The same after `resume`. */
  get endpoint(): string {
    return this.#server?.endpoint ?? "";
  }

  /** For the environment of a program that the test starts. */
  get env(): Readonly<Record<"SPIFFE_ENDPOINT_SOCKET", string>> {
    return { SPIFFE_ENDPOINT_SOCKET: this.endpoint };
  }

  /** The X509-SVIDs that are given out now, the default one first. */
  get svids(): readonly X509Svid[] {
    return this.#svids;
  }

  /** How often the program has made a call of the method. */
  calls(method: WorkloadApiMethod): number {
    return this.#server?.calls(method) ?? 0;
  }

  /** Gives the program other identities. None: it is denied as by an agent without an entry for it. */
  setSvids(svids: readonly (string | TestIdentity)[]): void {
    this.#svids = this.#issue(svids);
    this.#identities = svids;
    this.#server?.changed();
  }

  /** New X509-SVIDs with new keys, now. JWT-SVIDs are made at each call anyway. */
  rotate(): void {
    this.#reissue();
  }

  /** The X509-SVIDs of the program have expired a second ago, and there are no others until `rotate`. */
  expire(): void {
    const now = this.#clock.now();
    this.#reissue({ notBeforeMs: now - 3_600_000, notAfterMs: now - 1_000 });
  }

  /**
   * Every call and every open stream gets PermissionDenied: the program's identities are withdrawn. `allow` ends it.
   */
  deny(options: RefusalOptions = {}): void {
    this.#refuse(noIdentity(options));
  }

  /** Every call and every open stream gets `status`, as `unavailable` of an agent that starts. `allow` ends it. */
  refuse(status: RefusalStatus, options: RefusalOptions = {}): void {
    this.#refuse(refusal(status, options));
  }

  /** Answers again. */
  allow(): void {
    this.#refuse(undefined);
  }

  /** Lets the program verify members of these trust domains, too. Changes of their authorities are passed on. */
  federate(...others: readonly (TestIssuer | TestWorkloadApi)[]): void {
    for (const issuer of issuersOf(others)) this.#follow(issuer);
    this.#server?.changed();
  }

  /** Takes the bundles of these trust domains away. */
  unfederate(...others: readonly (TestIssuer | TestWorkloadApi)[]): void {
    for (const issuer of issuersOf(others)) {
      if (issuer === this.issuer) continue;
      this.#issuers.get(issuer)?.();
      this.#issuers.delete(issuer);
    }
    this.#server?.changed();
  }

  /** Breaks the program's connections; it may connect again at once. */
  disconnect(): void {
    this.#server?.disconnect();
  }

  /** The agent is gone: connections are broken and nobody listens until `resume`. */
  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  /** Listens again, at the same address. */
  async resume(): Promise<void> {
    await this.#server?.stop();
    await this.#server?.listen();
  }

  /** Nothing is left of it. Idempotent. */
  async close(): Promise<void> {
    for (const stopFollowing of this.#issuers.values()) stopFollowing();
    await this.#server?.close();
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #follow(issuer: TestIssuer): void {
    if (this.#issuers.has(issuer)) return;
    const stopFollowing = issuer.onChange(({ reissue }) => {
      if (reissue && issuer === this.issuer) this.#reissue();
      else this.#server?.changed();
    });
    this.#issuers.set(issuer, stopFollowing);
  }

  #issue(
    identities: readonly (string | TestIdentity)[],
    lifetime: Parameters<TestIssuer["issueX509Svid"]>[1] = {},
  ): readonly X509Svid[] {
    return identities.map((identity) => this.issuer.issueX509Svid(identity, lifetime));
  }

  #reissue(lifetime?: Parameters<TestIssuer["issueX509Svid"]>[1]): void {
    this.#svids = this.#issue(this.#identities, lifetime);
    this.#server?.changed();
  }

  #refuse(error: ServiceError | undefined): void {
    this.#refusal = error;
    this.#server?.changed();
  }

  get #bundles(): readonly SpiffeBundle[] {
    return [...this.#issuers.keys()].map(({ bundle }) => bundle);
  }

  #check(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#svids.length === 0) throw noIdentity();
  }

  #answers(): WorkloadAnswers {
    return {
      isServing: true,
      state: (method) => {
        this.#check();
        if (method === "FetchX509SVID") return encodeX509State(this.#svids, this.#bundles);
        return method === "FetchX509Bundles" ? encodeX509Bundles(this.#bundles) : encodeJwtBundles(this.#bundles);
      },
      jwtSvids: ({ audience, spiffeId }) => {
        this.#check();
        return encodeJwtSvidResponse(
          this.#entitled(spiffeId).map(({ id, hint }) => ({
            spiffeId: id.toString(),
            svid: this.issuer.issueJwtSvid(id.path, { audience }),
            hint,
          })),
        );
      },
      validateJwtSvid: ({ audience, svid }) => {
        this.#check();
        const { id, claims } = this.#validated(audience, svid);
        return encodeValidateJwtSvidResponse({ spiffeId: id.toString(), claims });
      },
    };
  }

  #entitled(spiffeId: string): readonly { readonly id: SpiffeId; readonly hint: string }[] {
    const all = this.#identities.map((identity) => readIdentity(this.issuer.trustDomain, identity));
    if (spiffeId === "") return all;
    const asked = parsed(spiffeId);
    const one = all.filter(({ id }) => id.equals(asked));
    if (one.length > 0) return one;
    throw refusal("permissionDenied", { message: "the program has no such identity", reason: "ERR_NOT_ENTITLED" });
  }

  #validated(audience: string, token: string): { readonly id: SpiffeId; readonly claims: Record<string, unknown> } {
    try {
      const bundles = BundleMap.of(this.#bundles);
      const { id, claims } = verifyJwtSvid({ token, audience, bundles, atMs: this.#clock.now() });
      return { id, claims: Object.fromEntries(Object.entries(claims)) };
    } catch (error) {
      if (!(error instanceof SpiffeError)) throw error;
      throw refusal("invalidArgument", { message: error.message, reason: "ERR_JWT_SVID_INVALID" });
    }
  }
}

const ofNewIssuer = [
  "trustDomain",
  "x509TtlMs",
  "jwtTtlMs",
] as const satisfies readonly (keyof TestWorkloadApiOptions)[];

function checkOptions(options: TestWorkloadApiOptions): void {
  const names = ["issuer", "svids", "federatesWith", "listen", "trustDomain", ...issuerOptions];
  knownOptions(options, names, "TestWorkloadApi.start");
  const { issuer, svids = [], listen = "unix" } = options;
  const clash = ofNewIssuer.find((name) => issuer !== undefined && options[name] !== undefined);
  if (clash !== undefined) {
    const fix = `give \`${clash}\` to TestIssuer.create`;
    throw new UsageError("ERR_ARGUMENT_INVALID", `\`${clash}\` is of a new issuer, and \`issuer\` is given`, { fix });
  }
  if (!Array.isArray(svids)) throw new UsageError("ERR_ARGUMENT_INVALID", '`svids` is an array, such as ["/web"]');
  if (listen !== "unix" && listen !== "tcp") {
    throw new UsageError("ERR_ARGUMENT_INVALID", "`listen` is unix or tcp");
  }
}

function issuersOf(others: readonly (TestIssuer | TestWorkloadApi)[]): readonly TestIssuer[] {
  return others.map((other) => (other instanceof TestWorkloadApi ? other.issuer : other));
}

function parsed(spiffeId: string): SpiffeId {
  try {
    return SpiffeId.parse(spiffeId);
  } catch {
    throw refusal("invalidArgument", { message: "spiffe_id does not parse", reason: "ERR_SPIFFE_ID_MALFORMED" });
  }
}
