import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../runtime/core/index.ts";
import { createLogger, type HostLogger, handleSignals } from "../../runtime/host/index.ts";
import type { CommandContext, Finish } from "../context.ts";
import { cliErrorSpecs } from "../errors.ts";
import { inputError } from "../exit-codes.ts";
import { facts, plainJson, printable, type Terminal } from "../output.ts";
import { printFailure } from "../report-failure.ts";
import { startInBackground } from "./background.ts";
import { checkStop, type DevOptions, type DevPlan, planOf, planText } from "./options.ts";
import { processIdentity } from "./processes.ts";
import { type Program, runProgram } from "./program.ts";
import { isOurFolder, makeFolder, removeFolder, runningWorlds, writeState } from "./state-folder.ts";
import { stopBackground } from "./stop.ts";
import { type DevWorld, serverSocketOf, startWorld } from "./world.ts";

const readyFd = 3;

/** `countersign dev`: a server, an agent and the current user's identity on temporary state. */
export async function dev(
  command: readonly string[],
  options: DevOptions,
  context: CommandContext,
  finish: Finish,
): Promise<void> {
  const modes = [options.env === true, options.stop === true, command.length > 0].filter((is) => is);
  if (modes.length > 1) throw inputError("ERR_USAGE", "--env, --stop and a program exclude one another");
  if (options.stop === true) {
    checkStop(options);
    return stopBackground(context, systemClock, options.output);
  }
  const plan = planOf(options, context.uid);
  if (options.env === true) return printEnvironment(plan, options, context);
  finish(await runHere(command, plan, options, context));
}

/** Nothing but what a shell evaluates, or JSON, goes to standard output. */
async function printEnvironment(plan: DevPlan, options: DevOptions, context: CommandContext): Promise<void> {
  const { terminal, environment } = context;
  const same = runningWorlds(context, systemClock.now()).find(
    (state) => state.isBackground && state.plan === planText(plan) && state.endpoint !== "",
  );
  const flags = flagsOf(options);
  const endpoint =
    same?.endpoint ??
    (await startInBackground({ folder: makeFolder(context), flags, environment: withoutOurs(environment) }));
  if (same !== undefined) terminal.err("countersign dev: runs already");
  const folder = dirname(endpoint.slice("unix://".length));
  const serverSocket = serverSocketOf(folder);
  if (options.output === "json") {
    terminal.out(worldJson({ endpoint, serverSocket }, plan, folder));
    return;
  }
  terminal.out(`export SPIFFE_ENDPOINT_SOCKET=${quoted(endpoint)}`);
  terminal.out(`export COUNTERSIGN_SERVER_SOCKET=${quoted(serverSocket)}\n# to stop it: countersign dev --stop`);
}

function flagsOf({ trustDomain, spiffeId, x509Ttl, entry }: DevOptions): readonly string[] {
  return [
    ...(trustDomain === undefined ? [] : [`--trust-domain=${trustDomain}`]),
    ...(spiffeId === undefined ? [] : [`--spiffe-id=${spiffeId}`]),
    ...(x509Ttl === undefined ? [] : [`--x509-ttl=${x509Ttl}`]),
    ...(entry ?? []).map((one) => `--entry=${one}`),
  ];
}

async function runHere(
  command: readonly string[],
  plan: DevPlan,
  options: DevOptions,
  context: CommandContext,
): Promise<number> {
  const stop = Promise.withResolvers<void>();
  let stoppedBy: NodeJS.Signals | undefined;
  const onStop = (signal: NodeJS.Signals): void => {
    stoppedBy = signal;
    stop.resolve();
  };
  // A terminal that goes away says so; what runs in the background has none.
  const reload = (): void => (options.stateFolder === undefined ? onStop("SIGHUP") : undefined);
  const removeHandlers = handleSignals({ stop: onStop, reload });
  // Also removes what earlier ones, that were killed, left.
  runningWorlds(context, systemClock.now());
  const folder = folderOf(options, context);
  const remove = (): void => removeFolder(folder);
  process.once("exit", remove);
  const { logger, close } = fileLogger(join(folder, "dev.log"));
  const isBackground = options.stateFolder !== undefined;
  const state = { folder, isBackground, plan: planText(plan), ...ownProcess() };
  try {
    writeState({ ...state, endpoint: "" });
    await using world = await startWorld(plan, folder, logger, context.uid);
    writeState({ ...state, endpoint: world.endpoint });
    if (isBackground) sayReady(world.endpoint);
    else announce(world, plan, folder, command, options, context);
    const [file, ...args] = command;
    if (file === undefined) {
      await Promise.race([stop.promise, world.failed]);
      return 0;
    }
    if (stoppedBy !== undefined) return 128 + constants.signals[stoppedBy];
    const program = runProgram({
      command: [file, ...args],
      environment: environmentOf(world, context),
      isOnTerminal: process.stdin.isTTY,
      onUnsignalled: ({ message }) => context.terminal.err(printable(`countersign dev: not signalled: ${message}`)),
    });
    // From here on signals are the program's, and its alone.
    removeHandlers();
    return await endOf(program, world, options, context);
  } finally {
    removeHandlers();
    logger.flush();
    close();
    process.off("exit", remove);
    remove();
  }
}

/** It goes when this ends: of those that exist, only one that --env has just made. */
function folderOf({ stateFolder }: DevOptions, context: CommandContext): string {
  if (stateFolder === undefined) return makeFolder(context);
  if (isOurFolder(stateFolder, context.uid) && !existsSync(join(stateFolder, "dev.json"))) return stateFolder;
  throw inputError("ERR_USAGE", "--state-folder is for countersign dev --env alone");
}

/** Its exit code; when the world ends before it, it is asked to end too. */
async function endOf(
  program: Program,
  world: DevWorld,
  { output }: DevOptions,
  { terminal }: CommandContext,
): Promise<number> {
  try {
    const code = await Promise.race([program.ended, world.failed]);
    if (program.failure !== undefined) tellFailure(program.failure, terminal, output === "json");
    return code;
  } catch (error) {
    // One of another user goes on by itself.
    if (program.kill("SIGTERM")) await program.ended;
    throw error;
  }
}

function tellFailure({ path, code, message }: NodeJS.ErrnoException, terminal: Terminal, asJson: boolean): void {
  const why = code === "ENOENT" ? "there is no such program" : code === "EACCES" ? "it may not be run" : message;
  const failure = { message: `${path ?? "the program"}: ${why}`, code: "ERR_DEV_PROGRAM" } as const;
  printFailure({ ...failure, hint: cliErrorSpecs.ERR_DEV_PROGRAM.fix }, terminal, asJson);
}

function worldJson(
  { endpoint, serverSocket }: Pick<DevWorld, "endpoint" | "serverSocket">,
  { identities }: DevPlan,
  folder: string,
): string {
  const ids = identities.map(({ id }) => id.toString());
  return plainJson({ endpoint, server_socket: serverSocket, spiffe_ids: ids, log: join(folder, "dev.log") });
}

function announce(
  world: DevWorld,
  plan: DevPlan,
  folder: string,
  command: readonly string[],
  { output }: DevOptions,
  { terminal, uid }: CommandContext,
): void {
  const [own, ...others] = plan.identities;
  const log = join(folder, "dev.log");
  if (command.length > 0) {
    // Standard output is the program's.
    terminal.err(printable(`countersign dev: ${own.id} at ${world.endpoint}`));
    return;
  }
  if (output === "json") {
    terminal.out(worldJson(world, plan, folder));
    return;
  }
  const describe = ({ id, selectors }: DevPlan["identities"][0]): string =>
    `${id}  (${selectors.map(({ type, value }) => `${type}:${value}`).join(" ")})`;
  terminal.out("A server and an agent on temporary state, for trying things out and local development only.\n");
  terminal.out(
    facts([
      ["Identity", `${own.id}  (every process of uid ${uid})`],
      ...(others.length === 0 ? [] : [["More", others.map(describe)] as const]),
      ["Workload API", `export SPIFFE_ENDPOINT_SOCKET=${quoted(world.endpoint)}`],
      ["Operators", `export COUNTERSIGN_SERVER_SOCKET=${quoted(world.serverSocket)}`],
      ["Log", log],
    ]),
  );
  terminal.out("\nCtrl-C ends it and removes everything.");
}

/** The parent reads until the end of the stream. */
function sayReady(endpoint: string): void {
  writeSync(readyFd, endpoint);
  closeSync(readyFd);
}

function environmentOf(world: DevWorld, { environment }: CommandContext): CommandContext["environment"] {
  const sockets = { SPIFFE_ENDPOINT_SOCKET: world.endpoint, COUNTERSIGN_SERVER_SOCKET: world.serverSocket };
  return { ...withoutOurs(environment), ...sockets };
}

/** Where our launcher keeps its compiled code is no business of other programs. */
function withoutOurs({ NODE_COMPILE_CACHE: _cache, ...others }: CommandContext["environment"]) {
  return others;
}

function ownProcess(): { readonly pid: number; readonly startTime: string } {
  return processIdentity(process.pid) ?? { pid: process.pid, startTime: "" };
}

function fileLogger(path: string): { readonly logger: HostLogger; readonly close: () => void } {
  const fd = openSync(path, "a", 0o600);
  const logger = createLogger({ level: "info", destination: { write: (line) => void writeSync(fd, line) } });
  return { logger, close: () => closeSync(fd) };
}

/** As a word of a POSIX shell. */
function quoted(text: string): string {
  return /^[\w:/.@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
