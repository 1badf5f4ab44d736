import { availableParallelism } from "node:os";
import { join } from "node:path";
import { errorFields, type Logger, systemClock, systemRandom, TaskGroup } from "../runtime/core/index.ts";
import { ensureFolder } from "../runtime/host/ensure-folder.ts";
import {
  createLogger,
  createMetrics,
  feedWatchdog,
  type HostLogger,
  type HostMetrics,
  handleSignals,
  listenStatus,
  passedSockets,
  reportDaemonFailure,
  reportDaemonStopped,
  type ServiceNotifier,
  serviceNotifier,
  unexposedMetrics,
  watchEventLoop,
} from "../runtime/host/index.ts";
import { hardenProcess, statusListenFailed } from "../transport/index.ts";
import { configWarnings, loadServerConfig, type ServerConfig, type ServerConfigSources } from "./config/index.ts";
import { serverErrors } from "./errors.ts";
import { OnDemandRunner } from "./issuance/on-demand-runner.ts";
import { WorkerPool } from "./issuance/worker-pool.ts";
import { DiskKeyManager } from "./keymanager/disk/disk-key-manager.ts";
import { MemoryKeyManager } from "./keymanager/memory/memory-key-manager.ts";
import { serverLimits } from "./limits.ts";
import { x509popAttestor } from "./node-attestors.ts";
import { type Server, startServer } from "./start.ts";
import type { Store } from "./store/ports.ts";
import { databaseFile } from "./store/sqlite/engine/data-directory.ts";
import { checkIntegrity } from "./store/sqlite/host/integrity-check.ts";
import { openSqliteStore } from "./store/sqlite/open.ts";
import { type OpenWorkloadIdentity, openUpstream } from "./upstream.ts";

export interface ServerProgram extends ServerConfigSources {
  readonly version: string;
  readonly pid: number;
  /** For an authority above: the Workload API client is not the server's business. */
  readonly openIdentity: OpenWorkloadIdentity;
}

const needsOperator: ReadonlySet<string> = new Set([
  "ERR_KEY_CORRUPT",
  "ERR_STORE_CORRUPT",
  "ERR_STORE_LOCKED",
  "ERR_STORE_LOST",
  "ERR_STORE_SCHEMA_NEWER",
  "ERR_X509POP_CA_BUNDLE",
]);

/** Workers beyond this add nothing: the event loop cannot feed them. */
const mostWorkers = 8;

/**
 * `countersign server run`: from configuration to exit code. The only place that names concrete adapters.
 *
 * @throws ConfigError with every problem of the configuration
 */
export async function runServer(program: ServerProgram): Promise<number> {
  const startedAtMs = systemClock.monotonic();
  const config = await loadServerConfig(program);
  const logger = createLogger({ level: config.logLevel });
  const metrics = config.statusListener === undefined ? unexposedMetrics : await createMetrics();
  const notifier = serviceNotifier(program.env, program.pid);
  const stop = Promise.withResolvers<void>();
  let server: Server | undefined;
  const removeHandlers = handleSignals({
    stop: (signal) => {
      logger.info({ signal }, "stopping");
      // Not yet serving: the start may wait long for what is above, and what is on disk bears an end at any moment.
      if (server === undefined) {
        const code = reportDaemonStopped("server", logger);
        logger.flush();
        process.exit(code);
      }
      stop.resolve();
    },
    reload: () => void reload(program, logger, server),
  });
  try {
    hardenProcess();
    for (const warning of configWarnings(config)) logger.warn({}, warning);
    {
      await using adapters = new AsyncDisposableStack();
      await using running = await startOnHost(config, program, { logger, metrics, adapters });
      server = running;
      await using background = new TaskGroup((error) => stop.reject(error));
      await using _status = await listenHealth(config, running, metrics);
      background.run((signal) => feedWatchdog(systemClock, notifier, signal));
      sayReady(running, config, logger, notifier, startedAtMs);
      await Promise.race([running.failed, stop.promise]);
      notifier.stopping();
    }
    return reportDaemonStopped("server", logger);
  } catch (error) {
    return reportDaemonFailure(error, { what: "server", logger, notifier, needsOperator });
  } finally {
    server = undefined;
    removeHandlers();
    logger.flush();
  }
}

export interface ServerHost {
  readonly logger: HostLogger;
  readonly metrics: HostMetrics;
  /** Closed after the server. */
  readonly adapters: AsyncDisposableStack;
}

function makeDataDirectory(path: string): void {
  try {
    ensureFolder(path, 0o750);
  } catch (cause) {
    throw serverErrors.error("ERR_STORE_UNAVAILABLE", `the data directory ${path} cannot be used`, { cause });
  }
}

/** The server with its real adapters, as a part of this process: of `server run`, and of `countersign dev`. */
export async function startOnHost(config: ServerConfig, program: ServerProgram, host: ServerHost): Promise<Server> {
  const { logger, metrics, adapters } = host;
  const [clock, random] = [systemClock, systemRandom];
  const { trustDomain, dataDir } = config;
  makeDataDirectory(dataDir);
  const workers = Math.min(mostWorkers, availableParallelism());
  const runner = new OnDemandRunner({ clock, pool: () => new WorkerPool({ workers, clock, random, logger }) });
  adapters.defer(() => runner.close());
  const disk = config.keyManager === "memory" ? undefined : await DiskKeyManager.open(join(dataDir, "keys"));
  const store = adapters.use(await openSqliteStore({ directory: dataDir, trustDomain, clock, random, logger }));
  if (disk !== undefined) await refuseKeysOfLostStore(store, disk);
  const keyManager = disk ?? new MemoryKeyManager();
  return startServer(config, {
    clock,
    random,
    logger,
    log: logger,
    metrics,
    store,
    lookAtStore: (signal) =>
      checkIntegrity(
        { path: join(dataDir, databaseFile), mostProblems: serverLimits.storeIntegrityProblems.value },
        signal,
      ),
    keyManager,
    upstream: openUpstream(config.upstream, {
      trustDomain,
      clock,
      random,
      adapters,
      openIdentity: program.openIdentity,
    }),
    attestors: await x509popAttestor(config, logger),
    runner,
    serverVersion: program.version,
    adminSocketFd: passedSockets(program.env, program.pid)[0]?.fd,
  });
}

/**
 * An empty database beside keys that signed for another one was lost, not new: to go on would make a new trust domain of
 * the same name, which none of the agents and workloads out there trusts. @throws ERR_STORE_LOST
 */
async function refuseKeysOfLostStore(store: Store, keys: DiskKeyManager): Promise<void> {
  if ((await store.listAuthorities()).length > 0) return;
  const own = `${await store.serverId()}.`;
  if ((await keys.listKeyIds()).every((keyId) => keyId.startsWith(own))) return;
  throw serverErrors.error("ERR_STORE_LOST", "the database is new, but the keys directory holds keys of an older one");
}

function sayReady(
  server: Server,
  config: ServerConfig,
  logger: Logger,
  notifier: ServiceNotifier,
  startedAtMs: number,
): void {
  const address = `${server.tcp.host}:${server.tcp.port}`;
  notifier.ready();
  notifier.status(`serving trust domain ${config.trustDomain}`);
  logger.info(
    {
      trust_domain: config.trustDomain.name,
      address,
      socket_path: server.socketPath,
      server_id: server.core.serverId,
      entries: server.core.registry.entryCount,
      agents: server.core.registry.nodeCount,
      after_ms: Math.round(systemClock.monotonic() - startedAtMs),
    },
    "ready",
  );
}

/** SIGHUP: log level and rate limits; everything else needs a restart. */
async function reload(program: ServerProgram, logger: HostLogger, server: Server | undefined): Promise<void> {
  try {
    const config = await loadServerConfig(program);
    logger.setLevel(config.logLevel);
    server?.core.limiter.configure(config.rateLimits);
    logger.info({ log_level: config.logLevel, rate_limits: config.rateLimits }, "configuration read again");
  } catch (error) {
    logger.error(errorFields(error), "configuration not read again");
  }
}

async function listenHealth(
  { statusListener }: ServerConfig,
  server: Server,
  metrics: HostMetrics,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  if (statusListener === undefined) return stack.move();
  const stalls = stack.adopt(watchEventLoop(), async (monitor) => monitor.close());
  metrics.onScrape(() => {
    server.core.measure();
    server.core.metrics.eventLoopStall(stalls.takeLongestMs() / 1000);
  });
  const listening = listenStatus({
    ...statusListener,
    live: async () => ({ healthy: true, parts: { status: "running" } }),
    ready: () => server.core.health.check(),
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.text() }),
  });
  stack.use(await listening.catch((cause: unknown) => Promise.reject(statusListenFailed(statusListener, cause))));
  return stack.move();
}
