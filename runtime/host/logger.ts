import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from "pino";
import type { LogFields, Logger } from "../core/index.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface HostLogger extends Logger {
  readonly level: LogLevel;
  /** The level it was created with. */
  readonly launchLevel: LogLevel;
  /** Takes effect at once, for children too (SIGHUP re-reads the level). */
  setLevel(level: LogLevel): void;
  /** Returns once everything logged so far is written. */
  flush(): void;
}

export interface HostLoggerOptions {
  readonly level: LogLevel;
  /** One JSON object a line. Default: standard error, so that standard output stays free for what was asked for. */
  readonly destination?: DestinationStream;
}

/** Levels, shared by a logger and its children: pino's own children would keep the level they were born with. */
interface LevelGate {
  rank: number;
}

class PinoAdapter implements Logger {
  readonly #pino: PinoLogger;
  readonly #gate: LevelGate;

  constructor(instance: PinoLogger, gate: LevelGate) {
    this.#pino = instance;
    this.#gate = gate;
  }

  debug(fields: LogFields, message: string): void {
    if (this.#gate.rank <= 0) this.#pino.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    if (this.#gate.rank <= 1) this.#pino.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    if (this.#gate.rank <= 2) this.#pino.warn(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#pino.error(fields, message);
  }

  child(fields: LogFields): Logger {
    return new PinoAdapter(this.#pino.child(fields), this.#gate);
  }
}

/** Structured log on pino. Lines are written synchronously: a crash loses none of them. */
export function createLogger(options: HostLoggerOptions): HostLogger {
  const target = options.destination ?? destination({ fd: 2, sync: true });
  const instance = pino(
    {
      level: "debug",
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "message",
    },
    target,
  );
  const gate: LevelGate = { rank: logLevels.indexOf(options.level) };
  const adapter = new PinoAdapter(instance, gate);
  return {
    debug: (fields, message) => adapter.debug(fields, message),
    info: (fields, message) => adapter.info(fields, message),
    warn: (fields, message) => adapter.warn(fields, message),
    error: (fields, message) => adapter.error(fields, message),
    child: (fields) => adapter.child(fields),
    get level() {
      return logLevels[gate.rank] ?? options.level;
    },
    launchLevel: options.level,
    setLevel: (level) => {
      gate.rank = logLevels.indexOf(level);
    },
    flush: () => instance.flush(),
  };
}
