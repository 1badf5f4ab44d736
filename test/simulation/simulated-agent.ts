import { type AgentCore, createAgentCore } from "../../agent/core.ts";
import { describeWorkloadKey } from "../../agent/identities/workload-keys.ts";
import type { NodeState } from "../../agent/identity/node-store.ts";
import { decodeWorkloadState, encodeWorkloadState } from "../../agent/storage/workload-codec.ts";
import type { WorkloadState, WorkloadStore } from "../../agent/storage/workload-state.ts";
import { createAgentEvents } from "../../agent/telemetry/events.ts";
import type { IssuedJwtSvid, IssuedX509Svid } from "../../proto/domain/link.ts";
import { noMetrics, silentLogger } from "../../runtime/core/index.ts";
import { type SpiffeBundle, SpiffeId, type TrustDomain } from "../../spiffe/index.ts";
import { FakeNodeStore } from "../fakes/agent-world.ts";
import type { FakeClock } from "../fakes/fake-clock.ts";
import { generateKeyAtOnce } from "../fakes/keys.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { FaultyLink, type ShownServer } from "./faulty-link.ts";
import { Life } from "./life.ts";
import { Weather } from "./weather.ts";

export interface SimulatedAgentOptions {
  readonly name: string;
  readonly clock: FakeClock;
  readonly seed: number;
  readonly trustDomain: TrustDomain;
  readonly server: () => ShownServer | undefined;
  /** The bundle that the operator gave the agent. */
  readonly bootstrap: () => Promise<SpiffeBundle>;
  readonly onIssued: (svid: IssuedX509Svid) => void;
  readonly onJwtIssued: (svid: IssuedJwtSvid) => void;
  readonly onReady: (core: AgentCore) => void;
  readonly onCrash: () => void;
  /** An answer of the server was lost. */
  readonly onLoss: () => void;
  /** The agent found that its entries are not the server's, although it was told all that changed. */
  readonly onMismatch: (what: "a snapshot" | "a change" | "a resumption", sinceMs: number) => void;
}

/** What a host's memory file system keeps while only the agent crashes: the bytes that were stored. */
class StoredWorkloads implements WorkloadStore {
  #text: string | undefined;

  async load(agentId: SpiffeId, nowMs: number): Promise<WorkloadState | undefined> {
    if (this.#text === undefined) return undefined;
    const state = decodeWorkloadState(this.#text, nowMs);
    return state.agentId.equals(agentId) ? state : undefined;
  }

  async save(state: WorkloadState): Promise<void> {
    this.#text = encodeWorkloadState(state);
  }

  async wipe(): Promise<void> {
    this.#text = undefined;
  }
}

/** An agent on a host of its own that crashes, starts again, and is given new join tokens. */
export class SimulatedAgent {
  readonly name: string;
  readonly alias: SpiffeId;
  readonly weather: Weather;
  token = "";
  /** Virtual time of the newest change of entries that it was told of. */
  lastToldMs: number;
  /** The same, before that. */
  #toldBeforeMs: number;
  /** Virtual time of the newest welcome. */
  #welcomedMs = Number.NEGATIVE_INFINITY;
  /** Resumptions that did not lead to the server's set of entries; a snapshot mended it. */
  mended = 0;
  /** Why the agent stopped by itself. */
  failure: unknown;
  readonly #options: SimulatedAgentOptions;
  readonly #nodeStore = new FakeNodeStore();
  readonly #workloads = new StoredWorkloads();
  #life: Life | undefined;
  #link: FaultyLink | undefined;
  #core: AgentCore | undefined;
  #isReady = false;
  #starts = 0;

  constructor(options: SimulatedAgentOptions) {
    this.#options = options;
    const { name, clock, seed, trustDomain } = options;
    this.name = name;
    this.alias = SpiffeId.of(trustDomain, `/host/${name}`);
    this.weather = new Weather(clock, seededRandom(seed + 3));
    this.weather.onBreak = () => this.sever();
    this.weather.onLoss = options.onLoss;
    this.lastToldMs = clock.now();
    this.#toldBeforeMs = clock.now();
  }

  /** Of a running agent that can serve. */
  get ready(): AgentCore | undefined {
    return this.#isReady ? this.#core : undefined;
  }

  get isRunning(): boolean {
    return this.#core !== undefined;
  }

  get agentId(): SpiffeId {
    return SpiffeId.of(this.#options.trustDomain, `/spire/agent/join_token/${this.token}`);
  }

  /** Has it an identity that the server may accept? */
  get isIdentified(): boolean {
    const { state } = this.#nodeStore;
    return state !== undefined && state.active.notAfterMs > this.#options.clock.now();
  }

  start(): void {
    if (this.#life !== undefined) throw new Error("the agent is running");
    const { clock, seed, trustDomain, server, name, bootstrap, onIssued, onJwtIssued } = this.#options;
    const life = new Life();
    this.#life = life;
    this.#starts += 1;
    this.failure = undefined;
    const ownClock = life.clock(clock);
    const core = createAgentCore({
      clock: ownClock,
      trustDomain,
      random: seededRandom(seed + this.#starts * 1_000),
      events: {
        ...createAgentEvents(silentLogger, noMetrics),
        digestMismatch: (_expected, _actual, isSnapshot) => this.#mismatched(isSnapshot),
      },
      agentVersion: "simulated",
      createLink: (trust) => {
        const link = new FaultyLink({
          ...trust,
          clock: ownClock,
          weather: this.weather,
          trustDomain,
          address: name,
          server,
          onIssued,
          onJwtIssued,
          onWelcome: () => {
            this.#welcomedMs = clock.now();
          },
          onEntriesTold: () => {
            this.#toldBeforeMs = this.lastToldMs;
            this.lastToldMs = clock.now();
          },
        });
        this.#link = link;
        return life.port(link);
      },
      nodeStore: life.port(this.#nodeStore),
      workloadStore: life.port(this.#workloads),
      attestor: {
        type: "join_token",
        isReusable: false,
        prepare: async () => ({ payload: Buffer.from(this.token), answer: async () => new Uint8Array() }),
      },
      bootstrap: { isRetryable: true, fetch: bootstrap },
      makeNodeKey: () => generateKeyAtOnce("ec-p256"),
      makeWorkloadKey: async () => describeWorkloadKey(await generateKeyAtOnce("ec-p256")),
      x509CacheMaxSize: 1_000,
      jwtCacheMaxSize: 1_000,
      syncIntervalMs: 5_000,
      rebootstrap: { mode: "never", delayMs: 600_000 },
      workloadStreams: () => 0,
    });
    this.#core = core;
    this.#isReady = false;
    core.run().catch((error: unknown) => {
      if (life.isOver) return;
      this.failure = error;
      this.crash();
    });
    const onReady = (): void => {
      if (life.isOver) return;
      this.#isReady = true;
      this.#options.onReady(core);
    };
    core.ready.then(onReady, () => {});
  }

  crash(): void {
    if (this.#life === undefined) return;
    this.#life.end();
    this.#life = undefined;
    this.#core = undefined;
    this.#isReady = false;
    this.#nodeStore.beforeSave = () => {};
    this.#nodeStore.afterSave = () => {};
    this.sever();
    this.#options.onCrash();
  }

  /** While it writes its identity the next time: before the file is there, or right after. */
  crashAtSave(phase: "before" | "after"): void {
    const die = (_state: NodeState): void => {
      this.crash();
      if (phase === "before") throw new Error("crashed");
    };
    if (phase === "before") this.#nodeStore.beforeSave = die;
    else this.#nodeStore.afterSave = die;
  }

  async stop(): Promise<void> {
    const life = this.#life;
    const closing = this.#core?.close();
    if (life === undefined || closing === undefined) return;
    // Its sockets close first: workloads see nothing of the rest.
    this.#isReady = false;
    this.#options.onCrash();
    await life.outlasts(closing);
    if (life === this.#life) this.crash();
  }

  sever(): void {
    this.#link?.sever();
  }

  /**
   * What happened while the agent was away is told from tombstones, which do not say whose parent was deleted: then the
   * digest tells it to ask for everything. Nothing else may lead to another set.
   */
  #mismatched(isSnapshot: boolean): void {
    const isResumption = this.#options.clock.now() - this.#welcomedMs < 1_000;
    const what = isSnapshot ? "a snapshot" : isResumption ? "a resumption" : "a change";
    this.#options.onMismatch(what, this.#toldBeforeMs);
    this.mended += 1;
    this.lastToldMs = this.#toldBeforeMs;
  }
}
