import { type Clock, systemClock, systemRandom } from "../../runtime/core/index.ts";
import { SpiffeBundle, type TrustDomain, X509Svid } from "../../spiffe/index.ts";
import { readAudiences, readTrustDomain } from "../arguments.ts";
import { knownOptions } from "../known-options.ts";
import type { BundleKind } from "../source/bundle-source.ts";
import { readIdentity, type TestIdentity } from "./identity.ts";
import { JwtSigner } from "./jwt-signer.ts";
import { type Lifetime, SigningCa } from "./signing-ca.ts";

/** How a `TestIssuer` issues. */
export interface TestIssuerOptions {
  /** What lives are counted from. Default: the system's. */
  readonly clock?: Clock;
  /** Life of X509-SVIDs, milliseconds. Default: an hour. */
  readonly x509TtlMs?: number;
  /** Life of JWT-SVIDs, milliseconds; whole seconds count. Default: 5 minutes. */
  readonly jwtTtlMs?: number;
}

export const issuerOptions = ["clock", "x509TtlMs", "jwtTtlMs"] as const satisfies readonly (keyof TestIssuerOptions)[];

/** Which JWT-SVID is wanted. */
export interface IssueJwtOptions {
  /** At least one, none empty. */
  readonly audience: string | readonly string[];
  /** Milliseconds; negative: already expired. Default: the issuer's. */
  readonly ttlMs?: number;
}

/** Authorities of one kind; the first signs. */
type Slots<Authority> = readonly [Authority, ...Authority[]];

/** Whether what the authority signed is to be issued again at once. */
type ChangeListener = (change: { readonly reissue: boolean }) => void;

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;
/** Clocks of two hosts differ; SVIDs begin a little earlier. */
const backdateMs = 10_000;

/**
 * A trust domain with real keys and certificates (ECDSA P-256) in memory: issues SVIDs, and changes its authorities
 * when a test says so. Each `TestWorkloadApi` of the issuer, or federated with it, passes changes on at once.
 */
export class TestIssuer {
  /** Whose SVIDs it issues. */
  readonly trustDomain: TrustDomain;
  readonly #clock: Clock;
  readonly #x509TtlMs: number;
  readonly #jwtTtlMs: number;
  readonly #listeners = new Set<ChangeListener>();
  #cas: Slots<SigningCa>;
  #jwts: Slots<JwtSigner>;

  private constructor(trustDomain: TrustDomain, options: TestIssuerOptions) {
    const { clock = systemClock, x509TtlMs = hourMs, jwtTtlMs = 300_000 } = options;
    this.trustDomain = trustDomain;
    this.#clock = clock;
    this.#x509TtlMs = x509TtlMs;
    this.#jwtTtlMs = jwtTtlMs;
    this.#cas = [this.#newCa()];
    this.#jwts = [new JwtSigner(systemRandom)];
  }

  /**
   * @throws SpiffeError ERR_TRUST_DOMAIN_… when `trustDomain` is no name of a trust domain, such as `example.org`;
   * UsageError ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
   */
  static create(trustDomain = "example.org", options: TestIssuerOptions = {}): TestIssuer {
    knownOptions(options, issuerOptions, "TestIssuer.create");
    return new TestIssuer(readTrustDomain(trustDomain, "TestIssuer.create"), options);
  }

  /** What verifies this trust domain's SVIDs now. */
  get bundle(): SpiffeBundle {
    return SpiffeBundle.of(this.trustDomain, { x509Authorities: this.#cas, jwtAuthorities: this.#jwts });
  }

  /**
   * A new X509-SVID with a new key.
   * @throws SpiffeError when `identity` is no path; UsageError ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID
   */
  issueX509Svid(identity: string | TestIdentity, lifetime: Partial<Lifetime> = {}): X509Svid {
    knownOptions(lifetime, ["notBeforeMs", "notAfterMs"], "issueX509Svid");
    const { id, hint, dnsNames } = readIdentity(this.trustDomain, identity);
    const now = this.#clock.now();
    const { notBeforeMs = now - backdateMs, notAfterMs = now + this.#x509TtlMs } = lifetime;
    const { certificate, key } = this.#cas[0].issue(id, { notBeforeMs, notAfterMs }, dnsNames);
    return X509Svid.of({ chain: [certificate], key, hint });
  }

  /**
   * A JWT-SVID: header, payload and signature in one string.
   * @throws SpiffeError when `path` is no path; UsageError ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN
   */
  issueJwtSvid(path: string, options: IssueJwtOptions): string {
    knownOptions(options, ["audience", "ttlMs"], "issueJwtSvid");
    const { ttlMs = this.#jwtTtlMs } = options;
    const audiences = readAudiences(options.audience, "issueJwtSvid");
    const issuedAt = Math.floor(this.#clock.now() / 1000);
    return this.#jwts[0].issue({
      sub: readIdentity(this.trustDomain, path).id,
      aud: audiences,
      iat: issuedAt,
      exp: issuedAt + Math.floor(ttlMs / 1000),
    });
  }

  /** The next authority signs from now on. The one before stays in the bundle: what it signed is good. */
  rotateAuthority(kind: BundleKind): void {
    this.#next(kind, true);
    this.#tell({ reissue: false });
  }

  /** As `rotateAuthority`, and X509-SVIDs of before are replaced at once: their authority is under suspicion. */
  taintAuthority(kind: BundleKind): void {
    this.#next(kind, true);
    this.#tell({ reissue: kind === "x509" });
  }

  /** As `taintAuthority`, and the one before leaves the bundle: nothing that it signed is accepted any more. */
  revokeAuthority(kind: BundleKind): void {
    this.#next(kind, false);
    this.#tell({ reissue: kind === "x509" });
  }

  /** Takes the authorities that sign no more out of the bundle, as happens when all that they signed is dead. */
  retireAuthorities(kind: BundleKind): void {
    if (kind === "x509") this.#cas = [this.#cas[0]];
    else this.#jwts = [this.#jwts[0]];
    this.#tell({ reissue: false });
  }

  /** @internal Calls `listener` after each change of the bundle. Returns how to stop that. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #next(kind: BundleKind, keepsLast: boolean): void {
    if (kind === "x509") this.#cas = advanced(this.#cas, this.#newCa(), keepsLast);
    else this.#jwts = advanced(this.#jwts, new JwtSigner(systemRandom), keepsLast);
  }

  #newCa(): SigningCa {
    // A test that lets days pass is about SVIDs.
    const now = this.#clock.now();
    return new SigningCa(this.trustDomain, { notBeforeMs: now - yearMs, notAfterMs: now + 10 * yearMs }, systemRandom);
  }

  #tell(change: { readonly reissue: boolean }): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}

function advanced<Authority>(
  [active, ...older]: Slots<Authority>,
  next: Authority,
  keepsLast: boolean,
): Slots<Authority> {
  return keepsLast ? [next, active, ...older] : [next, ...older];
}
