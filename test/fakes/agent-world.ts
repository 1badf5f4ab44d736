import { describeWorkloadKey } from "../../agent/identities/workload-keys.ts";
import type { NodeState, NodeStore } from "../../agent/identity/node-store.ts";
import { type AgentCore, type AgentCoreDeps, createAgentCore, type IdentitySubscription } from "../../agent/index.ts";
import type { WorkloadState, WorkloadStore } from "../../agent/storage/workload-state.ts";
import { createAgentEvents } from "../../agent/telemetry/events.ts";
import { noMetrics, silentLogger } from "../../runtime/core/index.ts";
import { Selector, type SpiffeBundle, type SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeServer } from "./fake-server-link.ts";
import { generateKeyAtOnce } from "./keys.ts";
import { seededRandom } from "./seeded-random.ts";

/** What survives a restart of the agent; writes can be made to fail as a crash would. */
export class FakeNodeStore implements NodeStore {
  state: NodeState | undefined;
  bundle: SpiffeBundle | undefined;
  /** Called before each write of the state; throw to crash before it. */
  beforeSave: (state: NodeState) => void = () => {};
  /** Called after each write; throw to crash after it. */
  afterSave: (state: NodeState) => void = () => {};

  async loadState(): Promise<NodeState | undefined> {
    return this.state;
  }

  async saveState(state: NodeState): Promise<void> {
    this.beforeSave(state);
    this.state = state;
    this.afterSave(state);
  }

  async eraseState(): Promise<void> {
    this.state = undefined;
  }

  async loadBundle(): Promise<SpiffeBundle | undefined> {
    return this.bundle;
  }

  async saveBundle(bundle: SpiffeBundle): Promise<void> {
    this.bundle = bundle;
  }
}

class FakeWorkloadStore implements WorkloadStore {
  state: WorkloadState | undefined;

  async load(agentId: SpiffeId, nowMs: number): Promise<WorkloadState | undefined> {
    if (this.state?.agentId.equals(agentId) !== true) return undefined;
    return { ...this.state, svids: this.state.svids.filter(({ notAfterMs }) => notAfterMs > nowMs) };
  }

  async save(state: WorkloadState): Promise<void> {
    this.state = state;
  }

  async wipe(): Promise<void> {
    this.state = undefined;
  }
}

/** One agent and one server in this process, on virtual time. */
export class AgentWorld {
  readonly trustDomain = TrustDomain.parse("example.org");
  readonly clock: FakeClock;
  readonly nodeStore = new FakeNodeStore();
  readonly workloadStore = new FakeWorkloadStore();
  readonly server: FakeServer;
  /** What `run()` of the last started agent ended with. */
  failure: unknown;
  token = "token-1";
  overrides: Partial<AgentCoreDeps> = {};
  #core: AgentCore | undefined;

  private constructor(server: FakeServer, clock: FakeClock) {
    this.server = server;
    this.clock = clock;
  }

  static async create(): Promise<AgentWorld> {
    const clock = new FakeClock();
    const server = await FakeServer.create(TrustDomain.parse("example.org"), clock, seededRandom(7));
    server.tokens.add("token-1");
    return new AgentWorld(server, clock);
  }

  get core(): AgentCore {
    if (this.#core === undefined) throw new Error("no agent was started");
    return this.#core;
  }

  get agentId(): SpiffeId {
    const id = this.core.state.agentId;
    if (id === undefined) throw new Error("the agent has no identity");
    return id;
  }

  /** Starts an agent (a first one, or the next after `stop` or `crash`) and lets it come up. */
  async start(): Promise<void> {
    this.failure = undefined;
    const { clock, trustDomain, nodeStore, workloadStore } = this;
    this.#core = createAgentCore({
      clock,
      trustDomain,
      nodeStore,
      workloadStore,
      random: seededRandom(11),
      events: createAgentEvents(silentLogger, noMetrics),
      agentVersion: "test",
      createLink: (trust) => this.server.link(trust),
      attestor: {
        type: "join_token",
        isReusable: false,
        prepare: async () => ({ payload: Buffer.from(this.token), answer: async () => new Uint8Array() }),
      },
      bootstrap: { isRetryable: false, fetch: async () => this.server.issuer.bundle() },
      makeNodeKey: async () => generateKeyAtOnce("ec-p256"),
      makeWorkloadKey: async () => describeWorkloadKey(await generateKeyAtOnce("ec-p256")),
      x509CacheMaxSize: 1000,
      jwtCacheMaxSize: 1000,
      syncIntervalMs: 5_000,
      rebootstrap: { mode: "never", delayMs: 600_000 },
      workloadStreams: () => 0,
      ...this.overrides,
    });
    this.#core.run().catch((error: unknown) => {
      this.failure = error;
    });
    await clock.advance(50);
  }

  async stop(): Promise<void> {
    await this.#core?.close();
  }

  watch(...selectors: string[]): IdentitySubscription {
    return this.core.identities.subscribe(selectors.map((selector) => Selector.parse(selector)));
  }
}

export function selectors(...texts: string[]): readonly Selector[] {
  return texts.map((text) => Selector.parse(text));
}
