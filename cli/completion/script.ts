import type { Command } from "commander";

export type Shell = "bash" | "zsh" | "fish";

/** What may follow after a command: words below it, then flags. */
interface Choice {
  readonly path: string;
  readonly words: readonly Word[];
}

interface Word {
  readonly text: string;
  readonly about: string;
  /** Of a flag that needs a value: what that may be; nothing: whatever, a file perhaps. */
  readonly values?: readonly string[];
}

/** A completion script made from the commands themselves: it asks no program when a key is pressed. */
export function completionScript(shell: Shell, program: Command): string {
  const choices = choicesBelow(program, "");
  return { bash, zsh, fish }[shell](program.name(), choices);
}

function choicesBelow(command: Command, path: string): readonly Choice[] {
  const verbs = command.commands.map((child) => ({ text: child.name(), about: child.description() }));
  const flags = command.options.flatMap((option) =>
    option.long === undefined || option.long === null
      ? []
      : [
          {
            text: option.long,
            about: option.description,
            ...(option.required ? { values: option.argChoices ?? [] } : {}),
          },
        ],
  );
  const own = { path, words: [...verbs, ...flags, { text: "--help", about: "explain the command" }] };
  const below = command.commands.flatMap((child) =>
    choicesBelow(child, path === "" ? child.name() : `${path} ${child.name()}`),
  );
  return [own, ...below];
}

/** One case of a shell for each flag that needs a value, by what that may be; then all words. */
function cases(words: readonly Word[], set: (words: readonly Word[]) => string): string {
  const needy = words.filter(({ values }) => values !== undefined);
  const byValues = Map.groupBy(needy, ({ values = [] }) => values.join(" "));
  const lines = [...byValues.values()].map((flags) => {
    const values = (flags[0]?.values ?? []).map((text) => ({ text, about: "" }));
    return `${flags.map(({ text }) => text).join("|")}) ${set(values)} ;; `;
  });
  return `case "$last" in ${lines.join("")}*) ${set(words)} ;; esac`;
}

/** Walks the words before the cursor as long as they are commands, as all three scripts do. */
function bash(name: string, choices: readonly Choice[]): string {
  const set = (words: readonly Word[]): string => `words='${words.map(({ text }) => text).join(" ")}'`;
  const commands = choices.map(({ path, words }) => `    '${path}') ${cases(words, set)} ;;`);
  return `# bash: source <(${name} completion bash)
_${name}() {
  local at='' words='' word last="\${COMP_WORDS[COMP_CWORD-1]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) break ;; esac
    at="\${at:+$at }$word"
  done
  case "$at" in
${commands.join("\n")}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _${name} ${name}
`;
}

function zsh(name: string, choices: readonly Choice[]): string {
  const entry = ({ text, about }: Word): string => quoted(`${text.replaceAll(":", "\\:")}:${about}`);
  const set = (words: readonly Word[]): string => `choices=(${words.map(entry).join(" ")})`;
  const commands = choices.map(({ path, words }) => `    '${path}') ${cases(words, set)} ;;`);
  return `#compdef ${name}
# zsh: ${name} completion zsh > "\${fpath[1]}/_${name}"
_${name}() {
  local at='' word last="\${words[CURRENT-1]}"
  local -a choices
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && break
    at="\${at:+$at }$word"
  done
  case "$at" in
${commands.join("\n")}
  esac
  _describe '${name}' choices || _files
}
# Loaded by the first completion of all, the file is what was called: it has to answer.
if [[ "\${funcstack[1]}" == "_${name}" ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function fish(name: string, choices: readonly Choice[]): string {
  const lines = choices.flatMap(({ path, words }) =>
    words.map(({ text, about, values }) => {
      const value = values === undefined ? "" : values.length === 0 ? " -r" : ` -x -a ${quoted(values.join(" "))}`;
      const what = text.startsWith("--") ? `-l ${text.slice(2)}${value}` : `-f -a ${text}`;
      return `complete -c ${name} -n ${quoted(`_${name}_at ${quoted(path)}`)} ${what} -d ${quoted(about)}`;
    }),
  );
  return `# fish: ${name} completion fish > ~/.config/fish/completions/${name}.fish
function _${name}_at
  set -l at
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and break
    set -a at $word
  end
  test "$at" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
