import type { Command } from "commander";

/** Ends the help of `command` with command lines to start from; each without the program's name. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  const title = lines.length === 1 ? "Example:" : "Examples:";
  return command.addHelpText("after", ["", title, ...lines.map((line) => `  countersign ${line}`)].join("\n"));
}
