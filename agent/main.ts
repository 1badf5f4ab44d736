import { errorFields, type Logger, systemClock, systemRandom, TaskGroup } from "../runtime/core/index.ts";
import {
  createLogger,
  createMetrics,
  feedWatchdog,
  type HostMetrics,
  handleSignals,
  listenStatus,
  passedSockets,
  reportDaemonFailure,
  reportDaemonStopped,
  type ServiceNotifier,
  serviceNotifier,
  unexposedMetrics,
} from "../runtime/host/index.ts";
import { hardenProcess, statusListenFailed } from "../transport/index.ts";
import { type AgentConfigSources, loadAgentConfig, type StatusListenerConfig } from "./config/index.ts";
import { type Agent, startAgent } from "./start-agent.ts";

export interface AgentProgram extends AgentConfigSources {
  readonly version: string;
  readonly pid: number;
}

const needsOperator: ReadonlySet<string> = new Set([
  "ERR_AGENT_BANNED",
  "ERR_AGENT_EVICTED",
  "ERR_AGENT_SVID_EXPIRED",
  "ERR_ATTESTATION_REFUSED",
  "ERR_REBOOTSTRAP_UNSUPPORTED",
  "ERR_JOIN_TOKEN_UNREADABLE",
  "ERR_X509POP_FILES",
  "ERR_BOOTSTRAP_BUNDLE",
  "ERR_NODE_STATE_CORRUPT",
  "ERR_NODE_STATE_EXPOSED",
  "ERR_NODE_STATE_UNREADABLE",
]);

/**
 * `countersign agent run`: from configuration to exit code.
 *
 * @throws ConfigError with every problem of the configuration
 */
export async function runAgent(program: AgentProgram): Promise<number> {
  const startedAt = systemClock.monotonic();
  const config = await loadAgentConfig(program);
  const logger = createLogger({ level: config.logLevel });
  const metrics = config.statusListener === undefined ? unexposedMetrics : await createMetrics();
  const notifier = serviceNotifier(program.env, program.pid);
  const stop = Promise.withResolvers<void>();
  const reload = async (): Promise<void> => {
    try {
      const { logLevel } = await loadAgentConfig(program);
      logger.setLevel(logLevel);
      logger.info({ log_level: logLevel }, "configuration read again");
    } catch (error) {
      logger.error(errorFields(error), "configuration not read again");
    }
  };
  const removeHandlers = handleSignals({
    stop: (signal) => {
      logger.info({ signal }, "stopping");
      stop.resolve();
    },
    reload: () => void reload(),
  });
  try {
    hardenProcess();
    {
      await using agent = await startAgent(config, {
        clock: systemClock,
        random: systemRandom,
        logger,
        log: logger,
        metrics,
        version: program.version,
        inheritedFd: passedSockets(program.env, program.pid)[0]?.fd,
      });
      await using background = new TaskGroup();
      await using _status = await listenHealth(config.statusListener, agent, metrics);
      // The socket answers from here on: holding callers until the node is attested is part of the service.
      notifier.ready();
      notifier.status("attesting to the server");
      background.run((signal) => feedWatchdog(systemClock, notifier, signal));
      background.run((signal) => sayReady(agent, logger, notifier, startedAt, signal));
      await Promise.race([agent.ended, stop.promise]);
      notifier.stopping();
    }
    return reportDaemonStopped("agent", logger);
  } catch (error) {
    return reportDaemonFailure(error, { what: "agent", logger, notifier, needsOperator });
  } finally {
    removeHandlers();
    logger.flush();
  }
}

async function sayReady(
  agent: Agent,
  logger: Logger,
  notifier: ServiceNotifier,
  startedAt: number,
  signal: AbortSignal,
): Promise<void> {
  // It may be told to stop before it is ready.
  const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  await Promise.race([agent.ready, agent.ended.catch(() => {}), stopped]);
  const { agentId, notReady } = agent.state;
  if (agentId === undefined || notReady !== undefined) return;
  notifier.status(`serving as ${agentId.toString()}`);
  logger.info(
    {
      spiffe_id: agentId.toString(),
      socket_path: agent.socketPath,
      after_ms: Math.round(systemClock.monotonic() - startedAt),
    },
    "ready",
  );
}

async function listenHealth(
  config: StatusListenerConfig | undefined,
  agent: Agent,
  metrics: HostMetrics,
): Promise<AsyncDisposable> {
  if (config === undefined) return new AsyncDisposableStack();
  return listenStatus({
    ...config,
    live: async () => ({ healthy: true, parts: { status: "running" } }),
    ready: async () => agent.health(),
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.text() }),
  }).catch((cause: unknown) => Promise.reject(statusListenFailed(config, cause)));
}
