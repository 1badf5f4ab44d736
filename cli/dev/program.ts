import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";

export interface ProgramOptions {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The terminal itself sends SIGINT and SIGQUIT to every process that it shows: to pass them on would double them. */
  readonly isOnTerminal: boolean;
  /** A signal did not reach it: it may be another user's now. */
  readonly onUnsignalled: (error: Error) => void;
}

const passedOn: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

/** A program on this process's own streams, which gets the signals that this process gets. */
export interface Program {
  /** Its exit code as a shell has it: 128 + the number of the signal that ended it, 127 and 126 when it cannot be run. */
  readonly ended: Promise<number>;
  /** Why it could not be run. */
  readonly failure: NodeJS.ErrnoException | undefined;
  /** Whether it got it. */
  kill(signal: NodeJS.Signals): boolean;
}

export function runProgram({
  command: [file, ...args],
  environment,
  isOnTerminal,
  onUnsignalled,
}: ProgramOptions): Program {
  // Before it runs: it may be told to end as soon as it says its first word, and that must not end us alone.
  const started: { child?: ChildProcess } = {};
  const removeHandlers = passSignals((signal) => started.child?.kill(signal), isOnTerminal);
  const child = spawn(file, args, { stdio: "inherit", env: environment });
  started.child = child;
  let failure: NodeJS.ErrnoException | undefined;
  const ended = new Promise<number>((resolve) => {
    // Each signal that cannot be sent is an `error` of its own, and one without a listener is thrown.
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return onUnsignalled(error);
      failure = error;
      resolve(error.code === "ENOENT" ? 127 : 126);
    });
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  }).finally(removeHandlers);
  return {
    ended,
    get failure() {
      return failure;
    },
    kill: (signal) => child.kill(signal),
  };
}

function passSignals(pass: (signal: NodeJS.Signals) => void, isOnTerminal: boolean): () => void {
  const handlers = passedOn.map((signal) => {
    const comesByItself = isOnTerminal && (signal === "SIGINT" || signal === "SIGQUIT");
    const handler = (): void => void (comesByItself || pass(signal));
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const remove of handlers) remove();
  };
}
