import { type CliErrorCode, cliErrorSpecs } from "./errors.ts";

/** Exit codes of `countersign`; scripts rely on them (docs/cli.md). */
export const exitCodes = {
  ok: 0,
  /** The server or agent refused, or an item of a batch failed. */
  refused: 1,
  /** Wrong flags, or an unreadable or invalid input file or configuration. */
  usage: 2,
  /** Nobody answers at the socket, or it broke off. */
  unreachable: 3,
  /** A wait ran out (`--wait`, `--count`). */
  timedOut: 4,
  /** A dry run found something to change. */
  differs: 6,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface CommandErrorOptions {
  /** An ERR_… code: ours, or that of the other side. */
  readonly code: string;
  /** What to do. */
  readonly hint: string | undefined;
  readonly cause?: unknown;
}

/** Ends the command with a message, a code and an exit code. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(exitCode: ExitCode, message: string, options: CommandErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = exitCode;
    this.code = options.code;
    this.hint = options.hint;
  }
}

/** Exit code 2: what was given to the program is wrong. */
export function inputError(
  code: Exclude<CliErrorCode, "ERR_NO_ANSWER">,
  message: string,
  hint: string = cliErrorSpecs[code].fix,
): CommandError {
  return new CommandError(exitCodes.usage, message, { code, hint });
}
