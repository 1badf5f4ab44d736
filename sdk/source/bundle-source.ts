import { type Clock, systemClock } from "../../runtime/core/index.ts";
import { BundleMap, SpiffeBundle, type TrustDomain, type VerifiedJwtSvid, verifyJwtSvid } from "../../spiffe/index.ts";
import { checkLeeway } from "../arguments.ts";
import type { WorkloadApiClient } from "../client/workload-api-client.ts";
import { WorkloadError } from "../errors.ts";
import { knownOptions } from "../known-options.ts";
import { UsageError } from "../usage-error.ts";
import { LiveState, type SourceHealth, type Unsubscribe } from "./live-state.ts";
import { checkSourceOptions, clientOf, type SourceOptions } from "./source-options.ts";

/** What `BundleSource.open` takes. */
export interface BundleSourceOptions extends SourceOptions {
  /** Which bundles are wanted; `open` waits for each of them. Default: both. */
  readonly kinds?: readonly [BundleKind, ...BundleKind[]];
}

/** Bundles that verify X509-SVIDs, and bundles that verify JWT-SVIDs. */
export type BundleKind = "x509" | "jwt";

/** What a service that verifies tokens says about itself. */
export interface ValidateJwtSvidOptions {
  /**
   * The name or names by which callers address this service; one of them must be an audience of the token, exactly and
   * with the same case (RFC 7519 §4.1.3). There is no default.
   */
  readonly audience: string | readonly string[];
  /** For `exp` and `nbf`, seconds. Default 5, at most 120. */
  readonly leewaySeconds?: number;
}

/**
 * The bundles of the own trust domain and of those it federates with, always the newest: for services that verify
 * others and need no identity themselves. The last state serves through an outage; a denial withdraws it, and then
 * nobody is trusted (SPIFFE_Workload_API §5.2.2, §6.2.2).
 */
export class BundleSource implements AsyncDisposable {
  readonly #client: WorkloadApiClient;
  readonly #ownsClient: boolean;
  readonly #clock: Clock;
  readonly #parts: readonly LiveState<BundleMap>[];
  readonly #x509: LiveState<BundleMap> | undefined;
  readonly #jwt: LiveState<BundleMap> | undefined;
  #merged: BundleMap | undefined;

  private constructor(client: WorkloadApiClient, options: BundleSourceOptions) {
    const { clock = systemClock, kinds = ["x509", "jwt"], observer } = options;
    this.#client = client;
    this.#ownsClient = options.client === undefined;
    this.#clock = clock;
    const common = { clock, observer, isSame };
    this.#x509 = kinds.includes("x509")
      ? new LiveState({ ...common, what: "X.509 bundle", watch: (watching) => client.watchX509Bundles(watching) })
      : undefined;
    this.#jwt = kinds.includes("jwt")
      ? new LiveState({ ...common, what: "JWT bundle", watch: (watching) => client.watchJwtBundles(watching) })
      : undefined;
    this.#parts = [this.#x509, this.#jwt].filter((part) => part !== undefined);
    for (const part of this.#parts) {
      part.onChange(() => {
        this.#merged = undefined;
      });
    }
  }

  /**
   * Resolves once the bundles of each wanted kind are there.
   * @throws WorkloadError ERR_SOURCE_TIMEOUT (it names the kind that is missing, its cause says why),
   * ERR_WORKLOAD_ENDPOINT, ERR_WORKLOAD_API_INVALID, ERR_WORKLOAD_API_UNIMPLEMENTED; UsageError ERR_OPTION_UNKNOWN,
   * ERR_ARGUMENT_INVALID; rejects with `signal.reason` when aborted
   */
  static async open(options: BundleSourceOptions = {}): Promise<BundleSource> {
    checkSourceOptions(options, ["kinds"], "BundleSource.open");
    checkKinds(options.kinds);
    const client = clientOf(options);
    const source = new BundleSource(client, options);
    try {
      await Promise.all(source.#parts.map((part) => part.start(options)));
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** All bundles, X.509 authorities and JWT keys of a trust domain in one. @throws WorkloadError ERR_SOURCE_CLOSED */
  get bundles(): BundleMap {
    if (this.#parts.some((part) => part.isClosed)) throw new WorkloadError("ERR_SOURCE_CLOSED", "the source is closed");
    this.#merged ??= merge(this.#x509?.state, this.#jwt?.state);
    return this.#merged;
  }

  /**
   * The bundle of a trust domain; `undefined` when its members are not trusted.
   * @throws WorkloadError ERR_SOURCE_CLOSED
   */
  get(trustDomain: TrustDomain): SpiffeBundle | undefined {
    return this.bundles.get(trustDomain);
  }

  /**
   * Verifies a JWT-SVID here, without asking the Workload API: under the JWT keys of its own trust domain and no other,
   * for an exact audience (JWT-SVID §4).
   * @throws SpiffeError ERR_JWT_SVID_…, ERR_TRUST_DOMAIN_NOT_TRUSTED, ERR_BUNDLE_NO_JWT_AUTHORITIES; WorkloadError
   * ERR_SOURCE_CLOSED; UsageError ERR_ARGUMENT_INVALID when `leewaySeconds` is not from 0 to 120. No message contains
   * any part of the token.
   */
  validateJwtSvid(token: string, options: ValidateJwtSvidOptions): VerifiedJwtSvid {
    knownOptions(options, ["audience", "leewaySeconds"], "validateJwtSvid");
    const { audience, leewaySeconds } = options;
    checkLeeway(leewaySeconds, "validateJwtSvid");
    return verifyJwtSvid({
      token,
      audience,
      bundles: this.bundles,
      atMs: this.#clock.now(),
      ...(leewaySeconds === undefined ? {} : { leewaySeconds }),
    });
  }

  /** Of the kind that is worse off. */
  get health(): SourceHealth {
    const all = this.#parts.map((part) => part.health);
    return {
      isConnected: all.every(({ isConnected }) => isConnected),
      ageMs: Math.max(...all.map(({ ageMs }) => ageMs)),
      lastProblem: all.map(({ lastProblem }) => lastProblem).find((problem) => problem !== undefined),
    };
  }

  /** Calls `listener` after each change of a bundle. Returns how to stop that. */
  onChange(listener: () => void): Unsubscribe {
    const stops = this.#parts.map((part) => part.onChange(listener));
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Stops updating; everything but `health` throws from then on. Idempotent. */
  async close(): Promise<void> {
    const closed = this.#parts.map((part) => part.close());
    if (this.#ownsClient) this.#client.close();
    await Promise.all(closed);
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function checkKinds(kinds: readonly unknown[] = ["x509"]): void {
  const isOne = (kind: unknown): boolean => kind === "x509" || kind === "jwt";
  if (Array.isArray(kinds) && kinds.length > 0 && kinds.every(isOne)) return;
  const fix = 'give ["x509"], ["jwt"], or leave it out for both';
  throw new UsageError("ERR_ARGUMENT_INVALID", "`kinds` of BundleSource.open lists one or more kinds of bundles", {
    fix,
  });
}

function isSame(one: BundleMap, other: BundleMap): boolean {
  return one.equals(other);
}

/** X.509 authorities from one stream, JWT keys from the other, and never the other way round (WAPI-39, WAPI-57). */
function merge(x509: BundleMap = BundleMap.of(), jwt: BundleMap = BundleMap.of()): BundleMap {
  const domains = new Map([...x509, ...jwt].map(({ trustDomain }) => [trustDomain.name, trustDomain]));
  return BundleMap.of(
    [...domains.values()].map((trustDomain) =>
      SpiffeBundle.of(trustDomain, {
        x509Authorities: x509.get(trustDomain)?.x509Authorities ?? [],
        jwtAuthorities: jwt.get(trustDomain)?.jwtAuthorities ?? [],
      }),
    ),
  );
}
