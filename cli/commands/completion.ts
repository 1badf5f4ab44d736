import { Argument, type Command } from "commander";
import type { Shell } from "../completion/script.ts";
import type { CommandContext } from "../context.ts";
import { withExamples } from "./examples.ts";

export function addCompletionCommand(program: Command, { terminal }: CommandContext): void {
  const completion = program
    .command("completion")
    .description("print a script that completes commands and flags in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"]));
  withExamples(completion, "completion bash").action(async (shell: Shell) => {
    const { completionScript } = await import("../completion/script.ts");
    terminal.out(completionScript(shell, program).trimEnd());
  });
}
