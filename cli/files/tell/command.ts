import { type ChildProcess, spawn } from "node:child_process";
import { type Clock, errorFields, type Logger } from "../../../runtime/core/index.ts";
import { filesLimits } from "../limits.ts";
import type { Tell } from "./tell.ts";

export interface CommandOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** None: a command that still runs is left alone. */
  readonly renewSignal: NodeJS.Signals | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A command that is run when files change, on this process's streams; one that still runs gets the renewal signal
 * instead. When it ends by itself it is run again at the next change, not before; when it ends of our own signal, as one
 * does that has not come to handling it, at once: it was to have the new files, and has them then.
 */
export class Command implements Tell {
  readonly #options: CommandOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(options: CommandOptions) {
    this.#options = options;
  }

  changed(): void {
    const { renewSignal, logger } = this.#options;
    if (this.#child === undefined) this.#start();
    else if (renewSignal !== undefined) {
      const { pid } = this.#child;
      if (this.#child.kill(renewSignal)) logger.info({ pid, signal: renewSignal }, "told the command");
      else logger.warn({ pid, signal: renewSignal }, "the command was not told");
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const child = this.#child;
    if (child === undefined) return;
    if (!child.kill("SIGTERM")) return this.#leave(child);
    const unstoppable = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimer(filesLimits.commandStopMs.value, () => {
      // It may have become another user's since.
      if (!child.kill("SIGKILL")) unstoppable.resolve(this.#leave(child));
    });
    await Promise.race([this.#ended, unstoppable.promise]);
    timer.cancel();
  }

  /** One of another user, as set-user-ID programs are, cannot be ended by us: it does not keep us from ending. */
  #leave(child: ChildProcess): void {
    if (this.#child !== child) return;
    child.unref();
    this.#options.logger.warn({ pid: child.pid }, "the command could not be ended: it goes on");
  }

  #start(): void {
    const { program, args, environment, logger, renewSignal } = this.#options;
    const child = spawn(program, [...args], { stdio: "inherit", env: environment });
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const over = (): void => {
        if (this.#child === child) this.#child = undefined;
        resolve();
      };
      // Each signal that cannot be sent is an `error` of its own, and one without a listener is thrown.
      child.on("error", (error) => {
        const what = child.pid === undefined ? "the command cannot be run" : "the command cannot be signalled";
        logger.error({ ...errorFields(error), command: program }, what);
        if (child.pid === undefined) over();
      });
      child.once("exit", (code, signal) => {
        const fields = { command: program, ...(code === null ? { signal } : { exit_code: code }) };
        logger[code === 0 ? "info" : "warn"](fields, "the command has ended");
        over();
        if (signal !== null && signal === renewSignal && !this.#isClosing) this.#start();
      });
    });
    if (child.pid !== undefined) logger.info({ command: program, pid: child.pid }, "started the command");
  }
}
