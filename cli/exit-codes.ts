/** Exit codes of `countersign`; scripts rely on them (docs/cli.md). */
export const exitCodes = {
  ok: 0,
  /** The server or agent refused, or an item of a batch failed. */
  refused: 1,
  /** Wrong flags, or an unreadable or invalid input file or configuration. */
  usage: 2,
  /** Nobody answers at the socket, or it broke off. */
  unreachable: 3,
  /** A wait ran out (`--wait`, `--timeout`). */
  timedOut: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the command with a message and an exit code. `hint` says what to do. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(exitCode: ExitCode, message: string, hint?: string) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}
