import { Command, CommanderError, Help } from "commander";
import { addAgentCommands } from "./commands/agent.ts";
import { addApiCommands } from "./commands/api.ts";
import { addAuthorityCommands } from "./commands/authority.ts";
import { addBundleCommands } from "./commands/bundle.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addDevCommand } from "./commands/dev.ts";
import { addEntryCommands } from "./commands/entry.ts";
import { addFederationCommands } from "./commands/federation.ts";
import { addLoggerCommands } from "./commands/logger.ts";
import { addMigrateCommands } from "./commands/migrate.ts";
import { addMintCommands } from "./commands/mint.ts";
import { addServerCommands } from "./commands/server.ts";
import { addTokenCommands } from "./commands/token.ts";
import type { CommandContext } from "./context.ts";
import { cliErrorSpecs } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { wantsJson } from "./options.ts";
import { normalizeArgs } from "./spire/normalize.ts";
import { version } from "./version.ts";

/** Runs one command line and returns its exit code (cli/exit-codes.ts). Never throws. */
export async function runCli(args: readonly string[], context: CommandContext): Promise<number> {
  const { terminal } = context;
  let asJson = wantsJson(args);
  const ended: { code: number } = { code: exitCodes.ok };
  const program = createProgram(context, (code) => {
    ended.code = code;
  });
  try {
    const ours = normalizeArgs(args, program, context);
    asJson = wantsJson(ours);
    await program.parseAsync([...withoutHelpCommand(ours)], { from: "user" });
    return ended.code;
  } catch (error) {
    const { printFailure, reportFailure } = await import("./report-failure.ts");
    if (!(error instanceof CommanderError)) return await reportFailure(error, terminal, asJson);
    if (error.exitCode === 0) return exitCodes.ok;
    // A group without a command has printed its help, which says it all.
    if (error.code !== "commander.help") printFailure(usageFailure(error), terminal, asJson);
    return exitCodes.usage;
  }
}

export function createProgram(context: CommandContext, finish: (code: number) => void): Command {
  const { terminal } = context;
  const program = new Command("countersign")
    .description("Workload identity: issue, deliver and rotate SPIFFE SVIDs.")
    .version(`countersign ${version}`, "-V, --version", "print the version")
    .helpCommand("help [command]", "explain a command")
    .exitOverride()
    .configureHelp({
      // The program's own help lists what can be called, not its groups. (Suggestions go by what is visible else.)
      formatHelp: (command, helper) => {
        if (command.parent === null) helper.visibleCommands = callable;
        return Help.prototype.formatHelp.call(helper, command, helper);
      },
      subcommandTerm: (command) => [path(command), ...command.registeredArguments.map(argumentTerm)].join(" "),
    })
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
      // Reported with all other failures, in the form that was asked for.
      outputError: () => {},
    })
    .addHelpText("after", generalHelp);
  addServerCommands(program, context, finish);
  addLoggerCommands(program, addAgentCommands(program, context, finish), context);
  addTokenCommands(program, context);
  addEntryCommands(program, context, finish);
  addBundleCommands(program, context, finish);
  addFederationCommands(program, context, finish);
  addAuthorityCommands(program, context);
  addMintCommands(program, context);
  addApiCommands(program, context, finish);
  addMigrateCommands(program, context, finish);
  addDevCommand(program, context, finish);
  addCompletionCommand(program, context);
  return program;
}

/** `help entry create` as `entry create --help`: Commander's own help command looks no deeper than one word. */
function withoutHelpCommand(args: readonly string[]): readonly string[] {
  const [first, ...words] = args;
  return first === "help" && words.length > 1 ? [...words, "--help"] : args;
}

/** The commands below `command` that do something. */
export function callable(command: Command): Command[] {
  return command.commands.flatMap((child) => (child.commands.length === 0 ? [child] : callable(child)));
}

/** Without the program's name. */
function path(command: Command): string {
  const parent = command.parent?.parent == null ? "" : `${path(command.parent)} `;
  return parent + command.name();
}

function argumentTerm(argument: { required: boolean; variadic: boolean; name(): string }): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Commander says `error: unknown option '--x'`, with `(Did you mean …?)` on a line of its own. */
function usageFailure({ message }: CommanderError) {
  if (message.includes("unknown option '--server'")) {
    const hint = `This command has no --server: run it on the host where the socket is. Or ${cliErrorSpecs.ERR_USAGE.fix}`;
    return { message: "unknown option '--server'", code: "ERR_USAGE", hint };
  }
  const [problem = "", suggestion = ""] = message.replace(/^error: /, "").split("\n");
  const help = cliErrorSpecs.ERR_USAGE.fix;
  const didYouMean = /^\((.*)\)$/.exec(suggestion)?.[1];
  return { message: problem, code: "ERR_USAGE", hint: didYouMean === undefined ? help : `${didYouMean} Or ${help}` };
}

const generalHelp = `
Exit codes: 0 done, 1 refused or an item failed, 2 usage, 3 nobody answers, 4 a wait ran out, 6 a dry run found differences.

Examples:
  countersign server run --trust-domain example.org --data-dir /var/lib/countersign/server
  countersign token generate --spiffe-id spiffe://example.org/host/web-1
  countersign agent run --trust-domain example.org --server 127.0.0.1:8081 --data-dir /var/lib/countersign/agent --join-token TOKEN --insecure-bootstrap
  countersign entry create --parent-id spiffe://example.org/host/web-1 --spiffe-id spiffe://example.org/web --selector unix:uid:1000 --wait
  countersign api fetch x509`;
