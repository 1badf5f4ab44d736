import picocolors from "picocolors";
import { boundedText } from "./bounded-text.ts";
import type { CommandContext } from "./context.ts";
import type { Terminal } from "./output.ts";
import { runCli } from "./run-cli.ts";

const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  colors: picocolors.isColorSupported && process.stdout.isTTY === true,
};

/** The `countersign` command on this process's streams; sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  // Whoever reads has seen enough, as `head` has: that is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  const context: CommandContext = {
    terminal: processTerminal,
    environment: process.env,
    uid: process.getuid?.() ?? 0,
    readStdin: () => boundedText(process.stdin),
    confirm: askOnTerminal,
  };
  process.exitCode = await runCli(args, context);
}

async function askOnTerminal(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question)).trim() === "yes";
  } finally {
    lines.close();
  }
}
