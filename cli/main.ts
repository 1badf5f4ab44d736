import { Command, CommanderError } from "commander";
import { addAgentCommands } from "./commands/agent.ts";
import { addApiCommands } from "./commands/api.ts";
import { addBundleCommands } from "./commands/bundle.ts";
import { addEntryCommands } from "./commands/entry.ts";
import { addServerCommands } from "./commands/server.ts";
import { addTokenCommands } from "./commands/token.ts";
import type { CommandContext } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { processTerminal } from "./output.ts";
import { version } from "./version.ts";

/** The `countersign` command on this process's streams; sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  process.exitCode = await runCli(args, {
    terminal: processTerminal,
    environment: process.env,
    uid: process.getuid?.() ?? 0,
    readStdin: readAllOfStdin,
  });
}

/** Runs one command line and returns its exit code (cli/exit-codes.ts). Never throws. */
export async function runCli(args: readonly string[], context: CommandContext): Promise<number> {
  const { terminal } = context;
  const program = new Command("countersign")
    .description("Workload identity: issue, deliver and rotate SPIFFE SVIDs.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "explain a command")
    .showHelpAfterError("(add --help for the flags and examples)")
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .addHelpText("after", generalHelp);
  const ended = { code: exitCodes.ok as number };
  const finish = (code: number): void => {
    ended.code = code;
  };
  addServerCommands(program, context, finish);
  addAgentCommands(program, context, finish);
  addTokenCommands(program, context);
  addEntryCommands(program, context, finish);
  addBundleCommands(program, context);
  addApiCommands(program, context, finish);
  inheritSettings(program, program);
  try {
    await program.parseAsync([...args], { from: "user" });
    return ended.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const { reportFailure } = await import("./report-failure.ts");
    return reportFailure(error, terminal, args.includes("json") || args.includes("--output=json"));
  }
}

const generalHelp = `
Exit codes: 0 done, 1 refused or an item failed, 2 usage, 3 nobody answers, 4 a wait ran out.

Examples:
  countersign server run --trust-domain example.org --data-dir /var/lib/countersign/server
  countersign token generate --spiffe-id spiffe://example.org/host/web-1
  countersign agent run --trust-domain example.org --server 127.0.0.1:8081 --data-dir /var/lib/countersign/agent --join-token TOKEN --insecure-bootstrap
  countersign entry create --parent-id spiffe://example.org/host/web-1 --spiffe-id spiffe://example.org/web --selector unix:uid:1000 --wait
  countersign api fetch x509`;

function inheritSettings(from: Command, command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(from);
    inheritSettings(from, child);
  }
}

async function readAllOfStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
