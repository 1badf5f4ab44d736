import picocolors from "picocolors";
import { ServiceError } from "../transport/index.ts";
import { CommandError, type ExitCode, exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./output.ts";

/** Says what went wrong and what to do about it; returns the exit code. */
export function reportFailure(error: unknown, terminal: Terminal, asJson: boolean): ExitCode {
  const { message, hint, code, exitCode } = explain(error);
  if (asJson) {
    terminal.err(
      JSON.stringify({
        error: message,
        ...(code === undefined ? {} : { code }),
        ...(hint === undefined ? {} : { hint }),
      }),
    );
  } else {
    const label = terminal.colors ? picocolors.red("Error:") : "Error:";
    terminal.err(`${label} ${message}${code === undefined ? "" : ` (${code})`}`);
    if (hint !== undefined) terminal.err(`       ${hint}`);
  }
  return exitCode;
}

interface Explanation {
  readonly message: string;
  readonly hint: string | undefined;
  readonly code: string | undefined;
  readonly exitCode: ExitCode;
}

function explain(error: unknown): Explanation {
  if (error instanceof CommandError)
    return { message: error.message, hint: error.hint, code: undefined, exitCode: error.exitCode };
  if (error instanceof ServiceError) {
    const unreachable = error.status === "unavailable" || error.status === "deadlineExceeded";
    return {
      message: error.message,
      hint: error.fix === "" ? undefined : error.fix,
      code: error.code,
      exitCode: unreachable ? exitCodes.unreachable : exitCodes.refused,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { message, hint: undefined, code, exitCode: exitCodes.refused };
}
