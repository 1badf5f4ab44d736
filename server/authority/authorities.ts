import { Certificate, issuerInfoOf } from "../../certs/index.ts";
import {
  backOffMs,
  type Clock,
  errorFields,
  type Logger,
  type Metrics,
  type Random,
} from "../../runtime/core/index.ts";
import { SpiffeBundle, type TrustDomain } from "../../spiffe/index.ts";
import type { AuthorityKind, AuthorityRecord } from "../domain/authority.ts";
import { serverErrors } from "../errors.ts";
import type { AuthorityKeyType, KeyManager } from "../issuance/ports.ts";
import type { AuthorityStore, BundleStore } from "../store/ports.ts";
import { servedChain } from "./check-minted-ca.ts";
import { jwtKind } from "./jwt-kind.ts";
import { type ActiveAuthority, AuthorityLifecycle, type LifecycleDeps } from "./lifecycle.ts";
import { OperatorAuthorities } from "./operations.ts";
import type {
  AuthorityHealth,
  AuthorityOperations,
  CaSubject,
  JwtIssuer,
  SigningAuthorities,
  UpstreamAuthority,
  X509Issuer,
} from "./ports.ts";
import { x509Kind } from "./x509-kind.ts";

/** The loop looks at the wall clock at least so often: it may have been set, or the machine may have slept. */
const lookMs = 300_000;
const retry = { initialMs: 1_000, capMs: 60_000 };

export interface AuthoritiesOptions {
  readonly trustDomain: TrustDomain;
  readonly serverId: string;
  readonly caKeyType: AuthorityKeyType;
  /** Seconds; the life of X.509 CAs and of JWT keys. */
  readonly caTtl: number;
  readonly caSubject: CaSubject;
  /** `undefined` = no JWT-SVIDs. */
  readonly jwtKeyType: AuthorityKeyType | undefined;
}

export interface AuthoritiesDeps {
  readonly store: AuthorityStore & BundleStore;
  readonly keyManager: KeyManager;
  readonly upstream: UpstreamAuthority;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * This server's signing authorities of both kinds, with the one loop that rotates them. A failure of one kind does
 * not hold up the other, and a failure to rotate does not stop the issuing: the active authority signs until its end.
 */
export class Authorities implements SigningAuthorities {
  readonly trustDomain: TrustDomain;
  readonly operations: AuthorityOperations;
  readonly #kinds: readonly { readonly kind: AuthorityKind; readonly lifecycle: AuthorityLifecycle }[];
  readonly #deps: AuthoritiesDeps;
  readonly #failures = new Map<AuthorityKind, unknown>();
  readonly #listeners = new Set<() => void>();
  readonly #expiry;
  #bundle: SpiffeBundle;
  #x509: X509Issuer | undefined;
  #jwt: JwtIssuer | undefined;
  #attempt = 0;
  #isChanged = true;
  #turn: Promise<unknown> = Promise.resolve();
  /** Aborted when the schedule may have changed. */
  #look = new AbortController();

  private constructor(options: AuthoritiesOptions, deps: AuthoritiesDeps, bundle: SpiffeBundle) {
    const { clock, random, upstream, store } = deps;
    this.trustDomain = options.trustDomain;
    this.#deps = deps;
    this.#bundle = bundle;
    this.#expiry = deps.metrics.gauge({
      name: "countersign_server_authority_expiry_seconds",
      help: "Unix time at which the active authority ends.",
      labels: ["kind"],
    });
    const lifecycleDeps: LifecycleDeps = {
      serverId: options.serverId,
      keyManager: deps.keyManager,
      listAuthorities: () => this.#read(),
      commit: async (commit) => {
        this.#bundle = await store.commitAuthorities(commit);
        this.#isChanged = true;
      },
      bundle: () => this.#bundle,
      clock,
      random,
      logger: deps.logger,
    };
    const { trustDomain, caTtl: ttl } = options;
    const profiles = [
      x509Kind({ trustDomain, keyType: options.caKeyType, ttl, subject: options.caSubject, upstream, clock, random }),
      ...(options.jwtKeyType === undefined ? [] : [jwtKind({ keyType: options.jwtKeyType, ttl, clock, upstream })]),
    ];
    this.#kinds = profiles.map((profile) => ({
      kind: profile.kind,
      lifecycle: new AuthorityLifecycle(profile, lifecycleDeps),
    }));
    this.operations = new OperatorAuthorities({
      hasUpstream: upstream.isSelfSigned !== true,
      serverId: options.serverId,
      lifecycle: (kind) => this.#kinds.find((each) => each.kind === kind)?.lifecycle,
      inTurn: (task) => this.#inTurn(task),
      clock,
    });
  }

  /**
   * Resolves when an authority of each kind can sign: the one of before, or a new one.
   * @throws what kept an authority from being made or read, e.g. ERR_KEY_CORRUPT, ERR_STORE_UNAVAILABLE
   */
  static async start(options: AuthoritiesOptions, deps: AuthoritiesDeps): Promise<Authorities> {
    const bundle = await deps.store.findBundle(options.trustDomain);
    const authorities = new Authorities(options, deps, bundle ?? SpiffeBundle.empty(options.trustDomain));
    await authorities.tick();
    for (const { kind, ready } of authorities.health()) {
      if (!ready) throw authorities.#failures.get(kind) ?? unavailable(kind);
    }
    return authorities;
  }

  /** Rotates until aborted. For a task group. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    while (!signal.aborted) {
      const look = this.#look.signal;
      const nextMs = await this.tick();
      const delayMs = Math.min(lookMs, Math.max(0, nextMs - clock.now()));
      try {
        await clock.sleep(delayMs, { signal: AbortSignal.any([signal, look]) });
      } catch (error) {
        if (!signal.aborted && !look.aborted) throw error;
      }
    }
  }

  /** The operator's turn; what it changed is told, and the rotation looks again. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      try {
        return await task();
      } finally {
        this.#refresh();
        this.#look.abort();
        this.#look = new AbortController();
      }
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** The own bundle as the feed shows it: what is above, below or beside this server may have changed it. */
  async follow(bundle: SpiffeBundle): Promise<void> {
    await this.#inTurn(async () => {
      if ((bundle.sequenceNumber ?? 0n) <= (this.#bundle.sequenceNumber ?? 0n)) return;
      this.#bundle = bundle;
      this.#isChanged = true;
    });
  }

  /** Does what is due now. Never rejects. Resolves with the time to be called again, Unix milliseconds. */
  tick(): Promise<number> {
    const turn = this.#turn.then(() => this.#advance());
    this.#turn = turn;
    return turn;
  }

  async #advance(): Promise<number> {
    const { clock, random, logger } = this.#deps;
    const nexts: number[] = [];
    for (const { kind, lifecycle } of this.#kinds) {
      try {
        // Turns may fall within a second, and are looked at in whole ones: to wake before would be to spin.
        nexts.push(Math.ceil(await lifecycle.advance()) * 1000);
        this.#failures.delete(kind);
      } catch (error) {
        this.#failures.set(kind, error);
        logger.error({ authority_kind: kind, ...errorFields(error) }, "could not rotate the authority, will try again");
      }
    }
    this.#refresh();
    this.#attempt = this.#failures.size === 0 ? 0 : this.#attempt + 1;
    if (this.#attempt > 0) nexts.push(clock.now() + backOffMs(this.#attempt - 1, retry, random));
    return Math.min(...nexts);
  }

  /** Records and, since a commit may have arrived without an answer, the bundle as well. */
  async #read(): Promise<readonly AuthorityRecord[]> {
    const { store } = this.#deps;
    const records = await store.listAuthorities();
    const bundle = await store.findBundle(this.trustDomain);
    if (bundle !== undefined && !bundle.equals(this.#bundle)) {
      this.#bundle = bundle;
      this.#isChanged = true;
    }
    return records;
  }

  #refresh(): void {
    for (const { kind, lifecycle } of this.#kinds) {
      const { active } = lifecycle;
      this.#expiry.set(active?.record.notAfter ?? 0, kind);
      if (active?.record.id === this.#issuerId(kind)) continue;
      this.#isChanged = true;
      if (kind === "x509") this.#x509 = active && x509IssuerOf(active);
      else this.#jwt = active && jwtIssuerOf(active);
    }
    if (!this.#isChanged) return;
    this.#isChanged = false;
    for (const listener of this.#listeners) listener();
  }

  #issuerId(kind: AuthorityKind): string | undefined {
    return (kind === "x509" ? this.#x509 : this.#jwt)?.authorityId;
  }

  x509Issuer(): X509Issuer {
    if (this.#x509 === undefined) throw unavailable("x509");
    return this.#x509;
  }

  jwtIssuer(): JwtIssuer {
    if (this.#kinds.every(({ kind }) => kind !== "jwt")) {
      throw serverErrors.error("ERR_JWT_DISABLED", "JWT-SVIDs are disabled on this server");
    }
    if (this.#jwt === undefined) throw unavailable("jwt");
    return this.#jwt;
  }

  get bundle(): SpiffeBundle {
    return this.#bundle;
  }

  records(): readonly AuthorityRecord[] {
    return this.#kinds.flatMap(({ lifecycle }) => lifecycle.records);
  }

  health(): readonly AuthorityHealth[] {
    const nowSeconds = this.#deps.clock.now() / 1000;
    return this.#kinds.map(({ kind, lifecycle }) => {
      const activeUntil = lifecycle.active?.record.notAfter;
      const failure = this.#failures.get(kind);
      const { error: message, error_code: code } = errorFields(failure);
      return {
        kind,
        ready: activeUntil !== undefined && activeUntil > nowSeconds,
        activeUntil,
        failure: failure === undefined ? undefined : { code: String(code ?? "ERR_INTERNAL"), message: String(message) },
      };
    });
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

function jwtIssuerOf({ record, signer }: ActiveAuthority): JwtIssuer {
  return { authorityId: record.id, signer, notAfter: record.notAfter };
}

function x509IssuerOf(active: ActiveAuthority): X509Issuer | undefined {
  const { record, signer, localKey } = active;
  const [own] = record.chain;
  if (own === undefined) return undefined;
  const certificate = Certificate.parse(own);
  return {
    authorityId: record.id,
    signer,
    localKey,
    info: issuerInfoOf(certificate),
    certificate,
    chain: servedChain(record),
    notAfter: record.notAfter,
  };
}

function unavailable(kind: AuthorityKind): Error {
  return serverErrors.error("ERR_AUTHORITY_UNAVAILABLE", `there is no ${kind} authority that can sign`);
}
