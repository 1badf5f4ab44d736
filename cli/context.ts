import type { Terminal } from "./output.ts";

/** What a command may touch of the world around it. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** All of standard input. @throws CommandError ERR_INPUT_TOO_LARGE as soon as there is more than that */
  readonly readStdin: () => Promise<string>;
  /** Asks the user; whether the answer was "yes". Absent, or `undefined`, when there is nobody to ask. */
  readonly confirm?: (question: string) => Promise<boolean | undefined>;
}

/** Tells the caller of the program which exit code to use. */
export type Finish = (exitCode: number) => void;
