import { type Clock, systemClock, systemRandom } from "../../runtime/core/index.ts";
import { ensureFolder } from "../../runtime/host/ensure-folder.ts";
import {
  createLogger,
  daemonExitCodes,
  type HostLogger,
  handleSignals,
  serviceNotifier,
} from "../../runtime/host/index.ts";
import { WorkloadApiClient, WorkloadError } from "../../sdk/index.ts";
import { endpointOf, withWorkloadErrors } from "../api/client.ts";
import type { CommandContext, Finish } from "../context.ts";
import { explained } from "../daemons.ts";
import { cliErrorSpecs } from "../errors.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { type OutputFormat, plainJson, printable } from "../output.ts";
import { FilesBridge } from "./bridge.ts";
import { type FilesConfig, warningsOf } from "./config/files-config.ts";
import { type FilesFlags, loadFilesConfig } from "./config/load.ts";
import { IdentityFeed } from "./feed.ts";
import { reportOf, serveHealth } from "./health.ts";
import type { Layout } from "./layout/layout.ts";
import { openRoot } from "./layout/open-folder.ts";
import { SeparateFiles } from "./layout/separate-files.ts";
import { SwappedFolder } from "./layout/swapped-folder.ts";
import type { Tell } from "./tell/tell.ts";
import { tellAll } from "./tell/tell-all.ts";

export interface WriteFilesOptions extends FilesFlags {
  /** The Workload API where neither flags nor settings name one. */
  readonly defaultSocket: string;
  readonly output: OutputFormat;
}

const nobody: Tell = { changed: () => {}, close: async () => {} };

/** `countersign agent write-files`: from configuration to exit code. */
export async function writeFiles(
  command: readonly string[],
  options: WriteFilesOptions,
  context: CommandContext,
  finish: Finish,
): Promise<void> {
  const sources = { flags: options, command, env: context.environment };
  const config = await explained(() => loadFilesConfig(sources));
  // One round ends with a word of its own.
  const logger = createLogger({ level: config.isOnce && config.logLevel === "info" ? "warn" : config.logLevel });
  for (const warning of warningsOf(config)) logger.warn({}, warning);
  const socket = config.endpoint ?? options.defaultSocket;
  try {
    await withWorkloadErrors("--socket or agent_address", async () => {
      await prepareFolder(config.folder);
      await using client = WorkloadApiClient.create({ endpoint: endpointOf(socket) });
      if (config.isOnce)
        printWritten(config.folder, await writeOnce(config, client, logger, systemClock), options, context);
      else finish(await runDaemon(config, client, logger, context));
    });
  } finally {
    logger.flush();
  }
}

/** @throws CommandError ERR_CERT_DIR, ERR_CERT_DIR_UNSAFE */
async function prepareFolder(folder: string): Promise<void> {
  try {
    ensureFolder(folder, 0o755);
    await (await openRoot(folder)).handle.close();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CommandError) throw error;
    const options = { code: "ERR_CERT_DIR", hint: cliErrorSpecs.ERR_CERT_DIR.fix, cause: error };
    throw new CommandError(exitCodes.refused, `the folder for files: ${error.message}`, options);
  }
}

function printWritten(
  folder: string,
  files: readonly string[],
  { output }: WriteFilesOptions,
  { terminal }: CommandContext,
): void {
  if (output === "json") terminal.out(plainJson({ folder, files }));
  else terminal.out(printable(`written to ${folder}: ${files.join(", ")}`));
}

/** The names of the files. @throws CommandError when not everything came in time; what came was not written then */
async function writeOnce(
  config: FilesConfig,
  client: WorkloadApiClient,
  logger: HostLogger,
  clock: Clock,
): Promise<readonly string[]> {
  const complete = Promise.withResolvers<void>();
  const onChange = (): void => {
    if (feed.missing.length === 0) complete.resolve();
  };
  await using feed: IdentityFeed = new IdentityFeed({
    ...{ client, config, clock, logger, onChange },
    onFailure: complete.reject,
  });
  const bridge = new FilesBridge({
    ...{ config, feed: () => feed, layout: layoutOf(config), tell: nobody, clock, logger },
    random: systemRandom,
  });
  const timer = clock.setTimer(config.timeoutMs, () => complete.reject(notInTime(config, feed)));
  // The clock's timers do not keep the process alive; the connection does, unless there is none to be had.
  const waiting = new AbortController();
  const staying = clock.sleep(config.timeoutMs + 60_000, { signal: waiting.signal }).catch(() => {});
  try {
    feed.start();
    await complete.promise;
    return await bridge.write();
  } finally {
    timer.cancel();
    waiting.abort();
    await staying;
  }
}

function notInTime({ timeoutMs }: FilesConfig, feed: IdentityFeed): CommandError {
  const [part = "identity"] = feed.missing;
  const problem = feed.problems.get(part);
  const why = problem === undefined ? "" : `: ${problem.message}`;
  return new CommandError(exitCodes.timedOut, `no ${part} came within ${timeoutMs / 1000} s${why}`, {
    code: problem?.reason ?? problem?.code ?? "ERR_SOURCE_TIMEOUT",
    hint: problem?.fix ?? "create an entry whose selectors this process has",
    cause: problem,
  });
}

async function runDaemon(
  config: FilesConfig,
  client: WorkloadApiClient,
  logger: HostLogger,
  { environment }: CommandContext,
): Promise<number> {
  const [clock, random] = [systemClock, systemRandom];
  const stopping = new AbortController();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const notifier = serviceNotifier(environment, process.pid);
  const surroundings = { clock, random, logger, environment: withoutOurs(environment), pid: process.pid };
  const tell = tellAll(config, surroundings);
  const bridge = new FilesBridge({
    config,
    feed: () => feed,
    layout: layoutOf(config),
    tell,
    onReady: notifier.ready,
    clock,
    random,
    logger,
  });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => tell.close());
  await using feed: IdentityFeed = new IdentityFeed({
    ...{ client, config, clock, logger },
    onChange: () => bridge.update(),
    onFailure: failed.reject,
  });
  if (config.health !== undefined) {
    const health = stack.use(await serveHealth(config.health, () => reportOf({ config, bridge, feed, clock })));
    logger.info({ port: health.port, host: config.health.host ?? "every address" }, "health checks");
  }
  const removeHandlers = handleSignals({
    stop: (signal) => {
      logger.info({ signal }, "stopping");
      stopping.abort();
    },
    reload: () => bridge.rewrite(),
  });
  // Otherwise it would open a debugger port in a process that has keys.
  const ignore = (): void => {};
  process.on("SIGUSR1", ignore);
  stack.defer(() => {
    removeHandlers();
    process.off("SIGUSR1", ignore);
  });
  const staying = clock.sleep(0x7fff_ffff, { signal: stopping.signal }).catch(() => {});
  feed.start();
  try {
    await Promise.race([bridge.run(stopping.signal), failed.promise]);
    return daemonExitCodes.stopped;
  } catch (error) {
    if (error instanceof WorkloadError) logger.error({ error_code: error.code, error: error.message }, "cannot go on");
    throw error;
  } finally {
    stopping.abort();
    notifier.stopping();
    await staying;
  }
}

function layoutOf(config: FilesConfig): Layout {
  return config.layout === "swap" ? new SwappedFolder(config.folder) : new SeparateFiles(config.folder);
}

/** Where our launcher keeps its compiled code is no business of other programs. */
function withoutOurs({ NODE_COMPILE_CACHE: _cache, ...others }: CommandContext["environment"]) {
  return others;
}
