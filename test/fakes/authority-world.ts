import { type Logger, noMetrics, type Random, silentLogger } from "../../runtime/core/index.ts";
import { Authorities, type AuthoritiesOptions } from "../../server/authority/authorities.ts";
import type { SigningAuthorities, UpstreamAuthority } from "../../server/authority/ports.ts";
import { selfSigned } from "../../server/authority/upstream/self-signed.ts";
import { type IssuanceOptions, IssuancePipeline } from "../../server/issuance/issuance-pipeline.ts";
import { inlineRunner, type JobRunner } from "../../server/issuance/job-runner.ts";
import type { KeyManager } from "../../server/issuance/ports.ts";
import { MemoryKeyManager } from "../../server/keymanager/memory/memory-key-manager.ts";
import type { AuthorityStore, BundleStore } from "../../server/store/ports.ts";
import { TrustDomain } from "../../spiffe/index.ts";
import { FakeAuthorityStore } from "./authority-store.ts";
import { FakeClock } from "./fake-clock.ts";
import { generateKeyAtOnce } from "./keys-at-once.ts";
import { seededRandom } from "./seeded-random.ts";

export const hour = 3600;
export const day = 24 * hour;

export const testTrustDomain = TrustDomain.parse("example.org");

const issuanceDefaults: IssuanceOptions = {
  defaultX509SvidTtl: hour,
  agentTtl: hour,
  maxSvidTtl: 7 * day,
  jwt: { defaultTtl: 300, issuer: "" },
  serverKeyType: "ec-p256",
};

/** What outlives a server process: time, randomness, the store and the keys. `start` is a process. */
export class AuthorityWorld {
  readonly clock = new FakeClock();
  readonly random: Random;
  store: AuthorityStore & BundleStore = new FakeAuthorityStore(testTrustDomain);
  keyManager: KeyManager = new MemoryKeyManager(generateKeyAtOnce);
  upstream: UpstreamAuthority;
  logger: Logger = silentLogger;
  options: AuthoritiesOptions = {
    trustDomain: testTrustDomain,
    serverId: "server-1",
    caKeyType: "ec-p256",
    caTtl: day,
    caSubject: { country: "US", organization: "SPIFFE" },
    jwtKeyType: "ec-p256",
  };

  constructor(seed = 1) {
    this.random = seededRandom(seed);
    this.upstream = selfSigned(this.clock, this.random);
  }

  get nowSeconds(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  start(): Promise<Authorities> {
    const { store, keyManager, upstream, clock, random, logger } = this;
    return Authorities.start(this.options, { store, keyManager, upstream, clock, random, logger, metrics: noMetrics });
  }

  issuance(
    authorities: SigningAuthorities,
    options: Partial<IssuanceOptions> = {},
    runner: JobRunner = inlineRunner,
  ): IssuancePipeline {
    const { clock, random } = this;
    return new IssuancePipeline(
      { ...issuanceDefaults, ...options },
      { authorities, runner, clock, random, generateKey: generateKeyAtOnce },
    );
  }
}
