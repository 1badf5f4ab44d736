import type { CommandContext } from "../../cli/context.ts";
import { runCli } from "../../cli/run-cli.ts";

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output, which must be one line of JSON. */
  readonly json: unknown;
}

export interface CliOptions {
  readonly environment?: CommandContext["environment"];
  readonly stdin?: string;
  readonly uid?: number;
  readonly colors?: boolean;
  /** What a question is answered with; without it there is nobody to ask. */
  readonly answer?: boolean | (() => Promise<boolean>);
  /** Hears what is printed while the command runs. */
  readonly onOut?: (text: string) => void;
  readonly onErr?: (text: string) => void;
}

/** One command line in this process, on streams that are kept. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(args, {
    terminal: {
      out: (text) => {
        out.push(text);
        options.onOut?.(text);
      },
      err: (text) => {
        err.push(text);
        options.onErr?.(text);
      },
      colors: options.colors ?? false,
    },
    environment: options.environment ?? {},
    uid: options.uid ?? 0,
    readStdin: async () => options.stdin ?? "",
    confirm: async () => (typeof options.answer === "function" ? options.answer() : options.answer),
  });
  return {
    code,
    out: out.join("\n"),
    err: err.join("\n"),
    get json(): unknown {
      return JSON.parse(out.join("\n"));
    },
  };
}
