import picocolors from "picocolors";
import { CommandError, type ExitCode, exitCodes } from "./exit-codes.ts";
import { plainJson, printable, type Terminal } from "./output.ts";

/** What went wrong, for people and for programs. */
export interface Failure {
  readonly message: string;
  readonly code: string | undefined;
  readonly hint: string | undefined;
}

/** One object on one line when `asJson`, else the message with its code, and the hint below. */
export function printFailure({ message, code, hint }: Failure, terminal: Terminal, asJson: boolean): void {
  if (asJson) {
    terminal.err(plainJson({ error: message, code, hint }));
    return;
  }
  const label = picocolors.createColors(terminal.colors).red("Error:");
  const [first = "", ...rest] = message.split("\n").map(printable);
  terminal.err([`${label} ${first}${code === undefined ? "" : ` (${code})`}`, ...rest].join("\n"));
  if (hint !== undefined) terminal.err(`       ${printable(hint)}`);
}

/** Says what went wrong and what to do about it; returns the exit code. */
export async function reportFailure(error: unknown, terminal: Terminal, asJson: boolean): Promise<ExitCode> {
  const { exitCode, ...failure } = await explain(error);
  printFailure(failure, terminal, asJson);
  return exitCode;
}

async function explain(error: unknown): Promise<Failure & { readonly exitCode: ExitCode }> {
  if (error instanceof CommandError) {
    const { message, code, hint, exitCode } = error;
    return { message, code, hint, exitCode };
  }
  const { ServiceError } = await import("../transport/errors/service-error.ts");
  if (error instanceof ServiceError) {
    const isUnreachable = error.status === "unavailable" || error.status === "deadlineExceeded";
    return {
      message: error.message,
      code: error.code,
      hint: error.fix === "" ? undefined : error.fix,
      exitCode: isUnreachable ? exitCodes.unreachable : exitCodes.refused,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { message, code, hint: undefined, exitCode: exitCodes.refused };
}
