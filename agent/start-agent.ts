import { type Listener, listenUnix, RpcRouter, transportLimits, transportMetrics } from "../transport/index.ts";
import { type LevelledLog, registerAdminApi } from "./admin-api/index.ts";
import { UnixAttestor, WorkloadAttestation } from "./attestation/workload/index.ts";
import { type AgentSurroundings, composeCore } from "./compose.ts";
import type { AgentConfig } from "./config/index.ts";
import type { AgentCore } from "./core.ts";
import type { AgentHealth } from "./health/agent-health.ts";
import { agentLimits } from "./limits.ts";
import type { AgentState } from "./ports.ts";
import { defaultWorkloadApiConfig, registerWorkloadApi, type WorkloadApi } from "./workload-api/index.ts";

export interface StartAgentOptions extends AgentSurroundings {
  /** A listening Workload API socket inherited from the service manager. */
  readonly inheritedFd?: number | undefined;
  /** For the admin socket. */
  readonly log: LevelledLog;
}

export interface Agent extends AsyncDisposable {
  readonly state: AgentState;
  readonly socketPath: string;
  /** Resolves once workloads can be served. */
  readonly ready: Promise<void>;
  /** Settles when the agent has ended: resolves after `close()`, rejects with the ServiceError that made it stop. */
  readonly ended: Promise<void>;
  health(): AgentHealth;
  /** Watchers get Unavailable; what is to be found again is stored. Idempotent. */
  close(): Promise<void>;
}

const closeGraceMs = 1_000;

/**
 * Starts the agent: the Workload API's socket listens when it resolves, before the node is attested, so that
 * workloads that start first wait instead of failing.
 *
 * @throws ServiceError `ERR_SOCKET_PATH_TOO_LONG`, `ERR_SOCKET_IN_USE`, `ERR_LISTEN_FAILED`
 */
export async function startAgent(config: AgentConfig, options: StartAgentOptions): Promise<Agent> {
  const { clock, logger, metrics, random } = options;
  const startedAt = clock.monotonic();
  await using started = new AsyncDisposableStack();
  let api: WorkloadApi | undefined;
  const core = started.use(await composeCore(config, options, () => api?.calls ?? 0));
  const attestor = started.use(new UnixAttestor(clock));
  const attestation = new WorkloadAttestation({
    attestors: [attestor],
    interest: core.identities,
    clock,
    logger,
    metrics,
  });
  const transport = transportMetrics(metrics);
  const router = new RpcRouter();
  api = registerWorkloadApi(router, {
    identities: core.identities,
    attestation,
    state: () => core.state,
    clock,
    logger,
    metrics,
    config: {
      ...defaultWorkloadApiConfig,
      holdCurrentMs: config.holdCurrentMs,
      holdBehindMs: config.holdBehindMs,
      allowUnauthenticatedVerifiers: config.allowUnauthenticatedVerifiers,
      allowedForeignJwtClaims: config.allowedForeignJwtClaims,
    },
  });
  const listener = started.use(
    await listenUnix({
      router,
      clock,
      random,
      logger,
      metrics: transport,
      name: "workload-api",
      path: config.socketPath,
      // Every local process may ask; what it gets depends on what the kernel says it is.
      mode: 0o777,
      directoryMode: 0o755,
      sweepMs: agentLimits.sweepIntervalMs.value,
      ...(options.inheritedFd === undefined ? {} : { inheritedFd: options.inheritedFd }),
    }),
  );
  if (config.adminSocketPath !== undefined) {
    const adminRouter = new RpcRouter();
    registerAdminApi(adminRouter, { info: () => core.info(), clock, startedAt, log: options.log });
    const path = config.adminSocketPath;
    const surroundings = { clock, random, logger, metrics: transport };
    // For the agent's own user and group: as on SPIRE's agent, the directory's mode decides further.
    const modes = { mode: 0o770, directoryMode: 0o750 };
    const limits = transportLimits.adminSocket;
    started.use(await listenUnix({ ...surroundings, ...modes, limits, router: adminRouter, name: "admin", path }));
  }
  return new RunningAgent(core, api, listener, started.move(), config.socketPath);
}

class RunningAgent implements Agent {
  readonly #core: AgentCore;
  readonly #api: WorkloadApi;
  readonly #listener: Listener;
  readonly #parts: AsyncDisposableStack;
  readonly socketPath: string;
  readonly ended: Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(core: AgentCore, api: WorkloadApi, listener: Listener, parts: AsyncDisposableStack, socketPath: string) {
    this.#core = core;
    this.#api = api;
    this.#listener = listener;
    this.#parts = parts;
    this.socketPath = socketPath;
    this.ended = core.run();
    // Whoever waits hears of it there.
    this.ended.catch(() => {});
  }

  get state(): AgentState {
    return this.#core.state;
  }

  get ready(): Promise<void> {
    return this.#core.ready;
  }

  health(): AgentHealth {
    return this.#core.health();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#api[Symbol.dispose]();
    await this.#listener.close({ graceMs: closeGraceMs });
    await this.#parts.disposeAsync();
  }
}
