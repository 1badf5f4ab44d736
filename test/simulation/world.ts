import type { AgentCore, WorkloadView } from "../../agent/index.ts";
import type { Random } from "../../runtime/core/index.ts";
import type { AuthorityRecord } from "../../server/domain/authority.ts";
import { type SpiffeBundle, type TrustDomain, verifyJwtSvid } from "../../spiffe/index.ts";
import { ServiceError } from "../../transport/index.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { exampleTrustDomain } from "../fakes/server-values.ts";
import { type Grant, Grants } from "./grants.ts";
import { Ledger } from "./ledger.ts";
import { SimulatedAgent } from "./simulated-agent.ts";
import { SimulatedServer } from "./simulated-server.ts";
import { ViewJudge } from "./view-judge.ts";
import { Violations } from "./violations.ts";
import { Workload } from "./workload.ts";

export interface WorldOptions {
  readonly seed: number;
  /** Of the server's store. `undefined` = in memory. */
  readonly directory: string | undefined;
  /** At most so many at a time. */
  readonly maxEntries: number;
}

/** An agent, its workloads, and what the simulation knows of both. */
export interface Host {
  readonly agent: SimulatedAgent;
  readonly workloads: readonly Workload[];
  readonly grants: Grants;
  /** When everything was last found as it must be in calm weather. */
  wellMs: number;
}

const minute = 60_000;
/** Without a fault for so long, everything has settled: reconnection waits up to 30 s, a refused SVID some more. */
const calmMs = 2 * minute;
/** After a change of entries. */
const settledMs = 10_000;
/** Of the life of an SVID is left, at the least, whenever the server becomes unreachable: renewal is at half ± 5 %. */
const leftShare = 0.42;
const defaultLifeMs = 3_600_000;
/** In calm weather: what rotates, expires, follows and waits; none of it grows with time. */
const maxTimers = 150;

/** A parent below the agents, reached through link entries that come and go. */
export const groupPath = "/group";

const selectorSets = {
  web: ["unix:uid:1"],
  webAdmin: ["unix:uid:1", "unix:gid:1"],
  db: ["unix:uid:2"],
  dbAdmin: ["unix:uid:2", "unix:gid:1", "unix:user:db"],
};

/** Two agents with workloads and a server in one process, on virtual time, with everything that must hold of them. */
export class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly trustDomain: TrustDomain = exampleTrustDomain;
  readonly random: Random;
  readonly server: SimulatedServer;
  readonly hosts: readonly Host[];
  readonly violations = new Violations();
  readonly ledger = new Ledger(this.violations);
  readonly #judge = new ViewJudge();
  #disturbedMs: number;
  #changedMs: number;
  calmChecks = 0;
  activations = 0;
  #active = "";
  maxTimers = 0;

  constructor({ seed, directory }: WorldOptions) {
    this.random = seededRandom(seed);
    this.#disturbedMs = this.clock.now();
    this.#changedMs = this.clock.now();
    this.server = new SimulatedServer({
      clock: this.clock,
      seed: seed + 100_000,
      trustDomain: this.trustDomain,
      directory,
      onTlsIdentity: ({ chain }) => this.ledger.x509(chain),
      onAuthorities: (records) => this.#judgeAuthorities(records),
    });
    this.server.onCrash = () => {
      this.disturbed();
      for (const { agent } of this.hosts) agent.sever();
    };
    this.hosts = ["one", "two"].map((name, index) => this.#host(name, seed + 200_000 + index * 50_000));
  }

  /** Something went wrong or came right: nothing is expected to be in order for a while. */
  disturbed(): void {
    this.#disturbedMs = this.clock.now();
  }

  /** Entries may be other ones from now on. */
  changed(): void {
    this.#changedMs = this.clock.now();
    this.recordGrants();
  }

  recordGrants(): void {
    const registry = this.server.core?.registry;
    if (registry === undefined) return;
    for (const { agent, grants } of this.hosts)
      grants.record(registry.authorizedEntries(agent.agentId), this.clock.now());
  }

  async newToken(host: Host): Promise<void> {
    const token = `t${Math.floor(this.random.float() * 2 ** 40)}`;
    if (await this.server.createToken(host.agent.alias, token)) host.agent.token = token;
    this.disturbed();
  }

  /** Judges everything there is to see now. Throws with all that is wrong. */
  async look(): Promise<void> {
    const nowMs = this.clock.now();
    this.recordGrants();
    for (const host of this.hosts) {
      for (const workload of host.workloads) {
        const { view } = workload;
        if (view !== undefined) this.#judgeView(host, workload, view);
      }
      this.#judgeContinuity(host, nowMs);
      host.grants.forgetBefore(nowMs - 86_400_000);
    }
    const { core, failure } = this.server;
    const bundle = core?.registry.bundle(this.trustDomain);
    if (bundle !== undefined) this.ledger.checkBundle(bundle, nowMs);
    if (failure !== undefined) this.violations.add(`the server failed: ${describe(failure)}`);
    if (this.isCalm) await this.#judgeCalm(nowMs);
    if (!this.violations.isEmpty) throw new Error(this.violations.list());
  }

  get isCalm(): boolean {
    const nowMs = this.clock.now();
    return (
      nowMs - this.#disturbedMs >= calmMs &&
      nowMs - this.#changedMs >= settledMs &&
      this.server.core !== undefined &&
      this.hosts.every(({ agent }) => agent.isRunning && agent.weather.reach === "open")
    );
  }

  /** Asks for a JWT-SVID as a workload would; it may fail for want of a server, and only for that. */
  askForJwt(host: Host): void {
    const core = host.agent.ready;
    const workload = host.workloads.find(({ view }) => (view?.identities.length ?? 0) > 0);
    const identity = workload?.view?.identities[0];
    if (core === undefined || identity === undefined) return;
    const wasCalm = this.isCalm;
    const mustSucceed = (): boolean => wasCalm && this.isCalm && host.agent.ready === core && host.agent.isIdentified;
    this.#askForJwt(core, identity.entryId, mustSucceed).catch((error: unknown) => this.#violated(describe(error)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { agent } of this.hosts) agent.crash();
    await this.server.close();
  }

  #host(name: string, seed: number): Host {
    const agent = new SimulatedAgent({
      name,
      seed,
      clock: this.clock,
      trustDomain: this.trustDomain,
      server: () => this.server.shown,
      bootstrap: async () => {
        const bundle = await this.server.store.findBundle(this.trustDomain);
        if (bundle === undefined) throw new Error("the operator has no bundle");
        return bundle;
      },
      onIssued: ({ chain }) => this.ledger.x509(chain),
      onJwtIssued: (svid) => this.ledger.jwt(svid),
      onReady: (core) => {
        this.disturbed();
        for (const workload of host.workloads) workload.follow(core);
      },
      onCrash: () => {
        this.disturbed();
        for (const workload of host.workloads) workload.leave();
      },
      onLoss: () => this.disturbed(),
      onMismatch: (what, sinceMs) => {
        // See server/sync/resume.ts for what a resumption cannot tell.
        this.recordGrants();
        if (
          what === "a resumption" &&
          host.grants.endedSince(sinceMs).some((grant) => isLink(grant) || hasExpired(grant))
        )
          return;
        this.#violated(`after ${what} agent ${name} has other entries than the server says`);
      },
    });
    const host: Host = {
      agent,
      grants: new Grants(),
      wellMs: Number.NEGATIVE_INFINITY,
      workloads: Object.entries(selectorSets).map(
        ([title, selectors]): Workload =>
          new Workload(`${name}/${title}`, selectors, (view) => this.#judgeView(host, workloadOf(host, title), view)),
      ),
    };
    return host;
  }

  #judgeView(host: Host, workload: Workload | undefined, view: WorkloadView): void {
    if (workload === undefined) return;
    const { grants, agent } = host;
    this.recordGrants();
    const believed = { grants, sinceMs: Math.max(agent.lastToldMs, host.wellMs) };
    for (const wrong of this.#judge.judge(view, workload, believed, this.clock.now())) {
      this.#violated(`workload ${workload.name}: ${wrong}`);
    }
  }

  /** What was served when the server was last well reachable is still served, as long as it can be. */
  #judgeContinuity(host: Host, nowMs: number): void {
    if (host.agent.ready === undefined) return;
    const outageMs = nowMs - host.wellMs;
    for (const workload of host.workloads) {
      const served = new Set(workload.view?.identities.map(({ entryId }) => entryId));
      for (const grant of host.grants.current(nowMs)) {
        const { entry, fromMs, untilMs } = grant;
        if (fromMs > host.wellMs - minute || untilMs !== Number.POSITIVE_INFINITY) continue;
        if (!isFor(grant, workload) || outageMs >= lifeMs(grant) * leftShare || served.has(entry.id)) continue;
        this.#violated(`workload ${workload.name} lost ${entry.spiffeId} after ${outageMs / 1000} s of outage`);
      }
    }
  }

  async #judgeCalm(nowMs: number): Promise<void> {
    this.calmChecks += 1;
    for (const host of this.hosts) this.#judgeCalmHost(host, nowMs);
    const records = await this.server.store.listAuthorities();
    this.#judgeAuthorities(records);
    for (const kind of ["x509", "jwt"] as const) {
      const active = records.filter((record) => record.kind === kind && record.state === "active");
      if (active.length !== 1) this.#violated(`${active.length} active ${kind} authorities`);
    }
    this.maxTimers = Math.max(this.maxTimers, this.clock.pendingTimers);
    if (this.clock.pendingTimers > maxTimers) this.#violated(`${this.clock.pendingTimers} timers are pending`);
  }

  #judgeCalmHost(host: Host, nowMs: number): void {
    const { agent } = host;
    // Its own SVID died in a long outage: an operator has to come.
    if (!agent.isIdentified) return;
    if (agent.ready === undefined) {
      this.#violated(`agent ${agent.name} is not ready in calm weather`);
      return;
    }
    if (!agent.ready.health().healthy) this.#violated(`agent ${agent.name} says it is not ready in calm weather`);
    for (const workload of host.workloads) {
      const { view } = workload;
      const expected = host.grants.current(nowMs).filter((grant) => isFor(grant, workload));
      const served = view?.identities.map(({ entryId, id }) => `${entryId} ${id}`).sort() ?? [];
      const wanted = expected.map(({ entry }) => `${entry.id} ${entry.spiffeId}`).sort();
      if (served.join() !== wanted.join()) {
        this.#violated(
          `workload ${workload.name} is served [${served}] instead of [${wanted}], withheld ${JSON.stringify(view?.withheld)}`,
        );
      }
      if (view?.withheld.length !== 0) {
        this.#violated(`workload ${workload.name} does not get what it should: ${JSON.stringify(view?.withheld)}`);
      }
      if (view !== undefined && authoritiesOf(view.ownBundle) !== this.#serverAuthorities()) {
        this.#violated(`workload ${workload.name} has another bundle than the server`);
      }
      if (view?.isCurrent !== true) this.#violated(`the view of workload ${workload.name} is not current`);
    }
    host.wellMs = nowMs;
  }

  #serverAuthorities(): string {
    const bundle = this.server.core?.registry.bundle(this.trustDomain);
    return bundle === undefined ? "" : authoritiesOf(bundle);
  }

  #judgeAuthorities(records: readonly AuthorityRecord[]): void {
    const active = records.filter(({ state }) => state === "active");
    const owners = active.map(({ kind, serverId }) => `${kind} ${serverId}`);
    for (const owner of new Set(owners)) {
      const count = owners.filter((other) => other === owner).length;
      if (count > 1) this.#violated(`${count} active authorities of ${owner}`);
    }
    const text = active
      .map(({ id }) => id)
      .sort()
      .join();
    if (text !== this.#active) this.activations += 1;
    this.#active = text;
  }

  async #askForJwt(core: AgentCore, entryId: string, mustSucceed: () => boolean): Promise<void> {
    try {
      const { token, id } = await core.identities.jwtSvid(entryId, ["db"], new AbortController().signal);
      const bundle = core.identities.bundle(this.trustDomain);
      const bundles = { get: () => bundle };
      const atMs = this.clock.now();
      const verified = verifyJwtSvid({ token, audience: "db", bundles, atMs, leewaySeconds: 0 });
      if (!verified.id.equals(id)) this.#violated(`a JWT-SVID of ${verified.id} was given for ${id}`);
    } catch (error) {
      const isExpected = error instanceof ServiceError && jwtRefusals.has(error.code);
      if (!isExpected || (mustSucceed() && error.code !== "ERR_ENTRY_GONE")) {
        this.#violated(`a JWT-SVID was refused: ${describe(error)}`);
      }
    }
  }

  #violated(what: string): void {
    this.violations.add(`${new Date(this.clock.now()).toISOString()} ${what}`);
  }
}

const jwtRefusals: ReadonlySet<string> = new Set([
  "ERR_JWT_UNAVAILABLE",
  "ERR_JWT_LIMITED",
  "ERR_ENTRY_GONE",
  "ERR_ENTRY_NOT_FOUND",
]);

function authoritiesOf(bundle: SpiffeBundle): string {
  const x509 = bundle.x509Authorities.map(({ certificate }) => certificate.subjectKeyId);
  return [...x509, ...bundle.jwtAuthorities.map(({ keyId }) => keyId)].sort().join();
}

function workloadOf(host: Host, title: string): Workload | undefined {
  return host.workloads.find(({ name }) => name.endsWith(`/${title}`));
}

function isLink({ spiffeId }: Grant): boolean {
  return spiffeId.path === groupPath;
}

function hasExpired({ entry, untilMs }: Grant): boolean {
  return entry.expiresAt * 1000 === untilMs;
}

function isFor(grant: Grant, workload: Workload): boolean {
  return [...grant.selectors].every((selector) => workload.selectors.has(selector));
}

function lifeMs({ entry }: Grant): number {
  return entry.x509SvidTtl === 0 ? defaultLifeMs : entry.x509SvidTtl * 1000;
}

function describe(error: unknown): string {
  return error instanceof ServiceError ? `${error.code}: ${error.message}` : String(error);
}
