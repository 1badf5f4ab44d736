import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";

export interface ProgramOptions {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The terminal itself sends SIGINT and SIGQUIT to every process that it shows: to pass them on would double them. */
  readonly isOnTerminal: boolean;
}

const passedOn: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

/** A program on this process's own streams, which gets the signals that this process gets. */
export interface Program {
  /** Its exit code as a shell has it: 128 + the number of the signal that ended it, 127 and 126 when it cannot be run. */
  readonly ended: Promise<number>;
  /** Why it could not be run. */
  readonly failure: Error | undefined;
  kill(signal: NodeJS.Signals): void;
}

export function runProgram({ command: [file, ...args], environment, isOnTerminal }: ProgramOptions): Program {
  const child = spawn(file, args, { stdio: "inherit", env: environment });
  const removeHandlers = passSignals(child, isOnTerminal);
  let failure: Error | undefined;
  const ended = new Promise<number>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return;
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
    kill: (signal) => void child.kill(signal),
  };
}

function passSignals(child: ChildProcess, isOnTerminal: boolean): () => void {
  const handlers = passedOn.map((signal) => {
    const comesByItself = isOnTerminal && (signal === "SIGINT" || signal === "SIGQUIT");
    const handler = (): void => void (comesByItself || child.kill(signal));
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const remove of handlers) remove();
  };
}
