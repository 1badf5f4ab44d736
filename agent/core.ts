import type { KeyObject } from "node:crypto";
import type { ServerLink } from "../proto/domain/link.ts";
import { type Clock, type Random, TaskGroup } from "../runtime/core/index.ts";
import { SpiffeBundle, type SpiffeId, type TrustDomain } from "../spiffe/index.ts";
import { ServiceError } from "../transport/index.ts";
import type { NodeAttestor } from "./attestation/node/node-attestor.ts";
import type { BootstrapSource } from "./bootstrap/bundle-source.ts";
import { agentErrors } from "./errors.ts";
import { type AgentHealth, agentHealth } from "./health/agent-health.ts";
import { AgentIdentities } from "./identities/identities.ts";
import type { MakeWorkloadKey } from "./identities/workload-keys.ts";
import { NodeIdentityKeeper } from "./identity/keeper.ts";
import type { NodeIdentity } from "./identity/node-identity.ts";
import type { NodeStore } from "./identity/node-store.ts";
import type { RebootstrapPolicy } from "./identity/rebootstrap.ts";
import { agentLimits } from "./limits.ts";
import type { AgentState, Identities } from "./ports.ts";
import { Saver } from "./storage/saver.ts";
import type { WorkloadStore } from "./storage/workload-state.ts";
import { applyChangeSet } from "./sync/apply-change-set.ts";
import { HeldPositions } from "./sync/held-positions.ts";
import { SyncSource } from "./sync/polling/sync-source.ts";
import { SyncLoop } from "./sync/sync-loop.ts";
import type { AgentEvents } from "./telemetry/events.ts";

/** What a link needs to know to dial: who we are, and whom to believe. Asked at each connection. */
export interface LinkTrust {
  readonly identity: () => NodeIdentity | undefined;
  /** `undefined`: trust on first use. */
  readonly bundle: () => SpiffeBundle | undefined;
  /** Set: attestation, and only that, is judged by it instead. */
  readonly bootstrapBundle: () => SpiffeBundle | undefined;
  /** The server wants the agent to leave its connection for a new one. */
  readonly onLeaving: () => void;
}

export interface AgentCoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: AgentEvents;
  readonly trustDomain: TrustDomain;
  readonly agentVersion: string;
  readonly createLink: (trust: LinkTrust) => ServerLink;
  readonly nodeStore: NodeStore;
  /** `undefined`: workload SVIDs are held in memory only. */
  readonly workloadStore: WorkloadStore | undefined;
  readonly attestor: NodeAttestor;
  readonly bootstrap: BootstrapSource;
  readonly rebootstrap: RebootstrapPolicy;
  /** A fresh private key for the agent itself; P-256 is what every server takes. */
  readonly makeNodeKey: () => Promise<KeyObject>;
  readonly makeWorkloadKey: MakeWorkloadKey;
  readonly x509CacheMaxSize: number;
  readonly jwtCacheMaxSize: number;
  /** Between two polls of a server that does not push, milliseconds. */
  readonly syncIntervalMs: number;
  /** Open streams of the Workload API, for the server's information. */
  readonly workloadStreams: () => number;
}

/** What an operator may know of a running agent. */
export interface AgentInfo {
  /** The agent's own SVID, DER, leaf first; `undefined` before the first attestation. */
  readonly chain: readonly Uint8Array[] | undefined;
  /** Of its trust domain. */
  readonly bundle: SpiffeBundle;
  readonly x509Svids: number;
  readonly jwtSvids: number;
  /** When its entries were last known to be the server's, Unix milliseconds. */
  readonly lastSyncAtMs: number | undefined;
}

export interface AgentCore extends AsyncDisposable {
  readonly identities: Identities;
  readonly state: AgentState;
  /** Resolves once workloads can be served; pending for ever when the agent stops before. */
  readonly ready: Promise<void>;
  health(): AgentHealth;
  info(): AgentInfo;
  /**
   * Runs until `close()`. Rejects with the ServiceError for which the agent must stop; until then `state.notReady`
   * says whether workloads can be served.
   */
  run(): Promise<void>;
  /** Stops, and stores what is to be found again. Idempotent. */
  close(): Promise<void>;
}

/** The agent without sockets: everything between the server link and the Workload API. */
export function createAgentCore(deps: AgentCoreDeps): AgentCore {
  return new Core(deps);
}

class Core implements AgentCore {
  readonly #deps: AgentCoreDeps;
  readonly #failure = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #tasks = new TaskGroup((error) => this.#fail(error));
  readonly #link: ServerLink;
  readonly #keeper: NodeIdentityKeeper;
  readonly #positions = new HeldPositions();
  readonly #workloadSaver: Saver;
  readonly #bundleSaver: Saver;
  readonly #events: AgentEvents;
  readonly #source: SyncSource;
  readonly #sync: SyncLoop;
  readonly identities: AgentIdentities;
  #knowsBundle = false;
  #isSyncing = false;
  #wasCurrentAtMs: number | undefined;
  #notReady: AgentState["notReady"] = { code: "ERR_AGENT_NOT_READY", message: "the agent is attesting to the server" };
  #isClosed = false;

  constructor(deps: AgentCoreDeps) {
    this.#deps = deps;
    const { clock, random, trustDomain, events } = deps;
    this.#events = events;
    const onStoreError = (error: unknown): void => events.storeFailed(error);
    this.#workloadSaver = new Saver(clock, agentLimits.storeDelayMs.value, () => this.#saveWorkloads(), onStoreError);
    this.#bundleSaver = new Saver(clock, 0, () => deps.nodeStore.saveBundle(this.identities.ownBundle), onStoreError);
    this.#link = deps.createLink({
      identity: () => this.#keeper.current,
      bundle: () => (this.#knowsBundle ? this.identities.ownBundle : undefined),
      bootstrapBundle: () => this.#keeper.bootstrapBundle,
      onLeaving: () => this.#sync.handOver(),
    });
    this.identities = new AgentIdentities(
      {
        clock,
        random,
        events,
        link: this.#link,
        makeKey: deps.makeWorkloadKey,
        ownBundle: SpiffeBundle.empty(trustDomain),
        x509CacheMaxSize: deps.x509CacheMaxSize,
        jwtCacheMaxSize: deps.jwtCacheMaxSize,
        onChange: () => {
          this.#workloadSaver.changed();
          this.#sync.statusChanged();
        },
        onWatchersChange: () => this.#sync.statusChanged(),
        onPendingChange: () => this.#sync.pendingChanged(),
        onReplacementDue: () => this.#keeper.reconsider(),
      },
      this.#tasks,
    );
    this.#keeper = new NodeIdentityKeeper({
      clock,
      random,
      trustDomain,
      events,
      link: this.#link,
      store: deps.nodeStore,
      attestor: deps.attestor,
      bootstrap: deps.bootstrap,
      makeKey: deps.makeNodeKey,
      bundle: () => (this.#knowsBundle ? this.identities.ownBundle : undefined),
      onBundle: (bundle) => this.#takeBundle(bundle),
      onIdentity: (now, before) => this.#takeIdentity(now, before),
      onBanned: () => this.#wipe(),
      isDistrusted: (authorityId) => this.identities.isDistrusted(authorityId),
      rebootstrap: deps.rebootstrap,
      isReplacementDue: (authorityId) => this.identities.isReplacementDue(authorityId),
      hasServableSvid: () => this.identities.hasServableSvid(),
    });
    this.#source = new SyncSource({
      clock,
      random,
      events,
      link: this.#link,
      held: this.identities.held,
      positions: this.#positions,
      intervalMs: deps.syncIntervalMs,
    });
    this.#sync = new SyncLoop({
      clock,
      random,
      events,
      link: { openSync: (hello) => this.#source.open(hello) },
      positions: this.#positions,
      agentVersion: deps.agentVersion,
      identity: () => this.#keeper.current,
      onAccepted: (identity) => {
        this.#tasks.run(() => this.#keeper.accepted(identity));
        // After a suspend timers are late; a reconnection is when it shows.
        this.#keeper.reconsider();
      },
      onDenied: (reason, identity) => this.#keeper.denied(reason, identity),
      onFailed: (error) => this.#keeper.failed(error),
      sink: {
        apply: (set) => {
          const ownBefore = this.identities.ownBundle;
          applyChangeSet(set, this.identities, (seconds) => {
            this.#sync.statusIntervalSeconds = seconds;
          });
          if (this.identities.ownBundle !== ownBefore) this.#bundleSaver.changed();
        },
        entryDigest: () => this.identities.entryDigest(),
        pendingIds: () => this.identities.pendingIds(),
        setCurrent: (isCurrent) => {
          if (!isCurrent) this.#wasCurrentAtMs = this.#source.mode === "poll" ? this.#source.polledAtMs : clock.now();
          this.identities.setCurrent(isCurrent);
        },
        distrustedIds: () => this.identities.distrustedIds(),
        status: () => {
          const { x509Svids, jwtSvids } = this.identities.counts();
          return { x509Svids, jwtSvids, workloadStreams: deps.workloadStreams() };
        },
      },
    });
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get state(): AgentState {
    return { agentId: this.#keeper.current?.id, notReady: this.#notReady };
  }

  health(): AgentHealth {
    return agentHealth({
      nowMs: this.#deps.clock.now(),
      identity: this.#keeper.current,
      notReady: this.#notReady,
      isConnected: this.#sync.isConnected,
      isCurrent: this.#sync.isCurrent,
      counts: this.identities.counts(),
    });
  }

  info(): AgentInfo {
    const { x509Svids, jwtSvids } = this.identities.counts();
    const chain = this.#keeper.current?.chain;
    return { chain, bundle: this.identities.ownBundle, x509Svids, jwtSvids, lastSyncAtMs: this.#lastSyncAtMs() };
  }

  /** A server that pushes has told everything up to now, as long as the stream is open. */
  #lastSyncAtMs(): number | undefined {
    if (!this.#sync.isCurrent) return this.#wasCurrentAtMs;
    return this.#source.mode === "poll" ? this.#source.polledAtMs : this.#deps.clock.now();
  }

  run(): Promise<void> {
    this.#tasks.run((signal) => this.#keeper.run(signal));
    return this.#failure.promise;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#notReady ??= { code: "ERR_AGENT_STOPPING", message: "the agent is stopping" };
    // The first failure, if there was one, was reported by `run()`.
    await this.#tasks.close().catch(() => {});
    await this.#workloadSaver.close();
    await this.#bundleSaver.close();
    this.identities.close();
    await this.#link.close();
    this.#failure.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #fail(error: unknown): void {
    const code = error instanceof ServiceError ? error.code : "ERR_INTERNAL";
    const message = error instanceof ServiceError ? error.message : "the agent failed";
    this.#notReady = { code, message };
    this.#failure.reject(error);
  }

  #takeBundle(bundle: SpiffeBundle): void {
    this.#knowsBundle = true;
    this.identities.applyBundles({ isSnapshot: false, upserts: [bundle], removed: [] });
  }

  async #takeIdentity(now: NodeIdentity, before: NodeIdentity | undefined): Promise<void> {
    if (!this.#isSyncing) {
      await this.#restoreWorkloads(now.id);
      this.#isSyncing = true;
      this.#notReady = undefined;
      this.#ready.resolve();
      this.#tasks.run((signal) => this.#sync.run(signal));
      return;
    }
    // Another agent id has other entries; nothing of the former one may be served.
    if (before !== undefined && !before.id.equals(now.id)) {
      this.#positions.clear();
      this.identities.wipe();
    }
    this.#sync.handOver();
  }

  async #restoreWorkloads(agentId: SpiffeId): Promise<void> {
    const { workloadStore, clock } = this.#deps;
    const state = await workloadStore?.load(agentId, clock.now());
    if (state === undefined) return;
    this.identities.applyBundles({ isSnapshot: false, upserts: state.foreignBundles, removed: [] });
    const { x509, jwt } = state.distrusted;
    this.identities.applyDistrust({
      isSnapshot: true,
      upserts: [
        ...x509.map((authorityId) => ({ authorityId, authority: "x509" as const, spreadMs: 0 })),
        ...jwt.map((authorityId) => ({ authorityId, authority: "jwt" as const, spreadMs: 0 })),
      ],
      removed: [],
    });
    this.identities.restore(state.entries, state.svids);
    for (const { type, position } of state.positions) this.#positions.set(type, position);
    this.#events.stateRestored(state.entries.length, state.svids.length);
  }

  async #saveWorkloads(): Promise<void> {
    const agentId = this.#keeper.current?.id;
    if (agentId === undefined) return;
    await this.#deps.workloadStore?.save({ agentId, positions: this.#positions.list(), ...this.identities.contents() });
  }

  async #wipe(): Promise<void> {
    this.#notReady = { code: "ERR_AGENT_BANNED", message: agentErrors.specs.ERR_AGENT_BANNED.meaning };
    this.#positions.clear();
    this.identities.wipe();
    await this.#workloadSaver.discard();
    await this.#deps.workloadStore?.wipe();
  }
}
