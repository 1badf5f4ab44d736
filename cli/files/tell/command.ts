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
 * instead. When it ends by itself it is run again at the next change, not before.
 */
export class Command implements Tell {
  readonly #options: CommandOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: CommandOptions) {
    this.#options = options;
  }

  changed(): void {
    const { renewSignal, logger } = this.#options;
    if (this.#child === undefined) this.#start();
    else if (renewSignal !== undefined) {
      this.#child.kill(renewSignal);
      logger.info({ pid: this.#child.pid, signal: renewSignal }, "told the command");
    }
  }

  async close(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill("SIGTERM");
    const timer = this.#options.clock.setTimer(filesLimits.commandStopMs.value, () => this.#child?.kill("SIGKILL"));
    await this.#ended;
    timer.cancel();
  }

  #start(): void {
    const { program, args, environment, logger } = this.#options;
    const child = spawn(program, [...args], { stdio: "inherit", env: environment });
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const over = (): void => {
        if (this.#child === child) this.#child = undefined;
        resolve();
      };
      child.once("error", (error) => {
        logger.error({ ...errorFields(error), command: program }, "the command cannot be run");
        if (child.pid === undefined) over();
      });
      child.once("exit", (code, signal) => {
        const fields = { command: program, ...(code === null ? { signal } : { exit_code: code }) };
        logger[code === 0 ? "info" : "warn"](fields, "the command has ended");
        over();
      });
    });
    if (child.pid !== undefined) logger.info({ command: program, pid: child.pid }, "started the command");
  }
}
