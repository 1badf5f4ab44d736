import type { Command, Option } from "commander";
import type { CommandContext } from "../context.ts";
import { inputError } from "../exit-codes.ts";
import { commonSpellings, defaultVerbs, type Spelling, socketTemplates, spireSpellings } from "./spellings.ts";

/**
 * Rewrites a command line in SPIRE's spelling into ours: Go's flags (`-flag value`, `-flag=value`, `-switch=true`) with
 * SPIRE's names. A command line in our spelling comes back as it was.
 *
 * @throws CommandError ERR_USAGE for a flag of SPIRE's that has no equal here
 */
export function normalizeArgs(
  args: readonly string[],
  program: Command,
  { environment }: Pick<CommandContext, "environment">,
): readonly string[] {
  const words: string[] = [];
  let command = program;
  for (const arg of args) {
    const next = command.commands.find((child) => child.name() === arg || child.alias() === arg);
    if (next === undefined) break;
    command = next;
    words.push(arg);
  }
  const rest = args.slice(words.length);
  const usual = defaultVerbs[words.join(" ")];
  if (usual !== undefined && (rest[0] === undefined || /^-(?!h$|-?help$)/.test(rest[0]))) {
    command = command.commands.find((child) => child.name() === usual) ?? command;
    words.push(usual);
  }
  const line = new CommandLine(command, environment);
  line.read(rest);
  return [...words, ...line.args()];
}

interface Halves {
  readonly host: string | undefined;
  readonly port: string | undefined;
  /** In place of the half that is missing. */
  readonly other: string | undefined;
}

class CommandLine {
  readonly #command: Command;
  readonly #environment: CommandContext["environment"];
  readonly #flags: string[] = [];
  readonly #rest: string[] = [];
  /** Halves of `host:port` by the flag they make up. */
  readonly #addresses = new Map<string, Halves>();

  constructor(command: Command, environment: CommandContext["environment"]) {
    this.#command = command;
    this.#environment = environment;
  }

  read(args: readonly string[]): void {
    for (let index = 0; index < args.length; index += 1) {
      const arg = args[index] ?? "";
      if (arg === "--") {
        this.#rest.push(...args.slice(index));
        return;
      }
      const flag = /^--?([A-Za-z][\w-]+)(?:=(.*))?$/s.exec(arg);
      if (flag === null) this.#flags.push(arg);
      else if (this.#take(flag[1] ?? "", flag[2], args[index + 1], arg)) index += 1;
    }
  }

  args(): readonly string[] {
    for (const [name, { host, port, other }] of this.#addresses) {
      const [left, right] = [host ?? other, port ?? other];
      if (left === undefined) throw inputError("ERR_USAGE", `-serverPort needs -serverAddress, or use --${name}`);
      this.#flags.push(`--${name}=${left.includes(":") ? `[${left}]` : left}:${right}`);
    }
    return [...this.#flags, ...this.#rest];
  }

  /** Whether the next argument was the value. */
  #take(name: string, given: string | undefined, next: string | undefined, arg: string): boolean {
    const isDouble = arg.startsWith("--");
    const own = this.#option(name);
    if (own !== undefined && isDouble) return this.#own(own, given, next, arg);
    const spelling = this.#spelling(name);
    if (spelling === undefined) {
      // As one flag, so that the complaint about it names it whole, and what it may have meant.
      this.#flags.push(isDouble || arg === "-help" ? arg.replace(/^-help$/, "--help") : `-${arg}`);
      return false;
    }
    if (typeof spelling !== "string" && spelling.kind === "refused")
      throw inputError("ERR_USAGE", `-${name} has no equal here`, spelling.instead);
    if (typeof spelling !== "string" && spelling.kind === "ignored" && !spelling.takesValue) return false;
    const option = typeof spelling === "string" ? this.#option(spelling) : undefined;
    if (option !== undefined && takesNoValue(option)) {
      this.#switch(option, given, arg);
      return false;
    }
    const value = given ?? next;
    if (value === undefined) throw inputError("ERR_USAGE", `option '-${name}' argument missing`);
    this.#put(spelling, value);
    return given === undefined;
  }

  /** A flag in our own spelling: left alone, but for the value that Go lets a switch have. */
  #own(option: Option, given: string | undefined, next: string | undefined, arg: string): boolean {
    if (takesNoValue(option) && given !== undefined) {
      this.#switch(option, given, arg);
      return false;
    }
    this.#flags.push(arg);
    // Its value, whatever it looks like, is no flag.
    if (given !== undefined || !option.required || next === undefined) return false;
    this.#flags.push(next);
    return true;
  }

  #spelling(name: string): Spelling | undefined {
    const listed = spireSpellings[pathOf(this.#command)]?.[name] ?? commonSpellings[name];
    if (listed !== undefined) return listed;
    const kebab = kebabOf(name);
    return this.#option(kebab) === undefined ? undefined : kebab;
  }

  #put(spelling: Spelling, value: string): void {
    if (typeof spelling === "string") {
      this.#flags.push(`--${spelling}=${value}`);
      return;
    }
    switch (spelling.kind) {
      case "argument":
        this.#flags.push(value, ...(spelling.with ?? []));
        return;
      case "host":
      case "port": {
        const halves = this.#addresses.get(spelling.of);
        const [host, port] = spelling.kind === "host" ? [value, halves?.port] : [halves?.host, value];
        this.#addresses.set(spelling.of, { host, port, other: spelling.other });
        return;
      }
      case "list":
        this.#flags.push(...value.split(",").map((one) => `--${spelling.name}=${one}`));
        return;
      case "lower-case":
        this.#flags.push(`--${spelling.name}=${value.toLowerCase()}`);
        return;
      case "instance":
        this.#flags.push(`--socket=${this.#instanceSocket(value)}`);
        return;
      case "ignored":
      case "refused":
        return;
    }
  }

  #switch(option: Option, given: string | undefined, arg: string): void {
    const isOn = given === undefined || /^(1|t|true)$/i.test(given);
    if (!isOn && !/^(0|f|false)$/i.test(given)) throw inputError("ERR_USAGE", `${arg}: use true or false`);
    if (isOn) this.#flags.push(option.long ?? arg);
    else if (this.#option(`no-${option.name()}`) !== undefined) this.#flags.push(`--no-${option.name()}`);
  }

  #instanceSocket(instance: string): string {
    const hasAgentSocket = /^(agent healthcheck|api )/.test(pathOf(this.#command));
    const variable = socketTemplates[hasAgentSocket ? "agent" : "server"];
    const template = this.#environment[variable];
    if (template?.includes("%i") !== true)
      throw inputError("ERR_USAGE", "-instance needs a template", `set ${variable} to a path with %i in it`);
    return template.replaceAll("%i", instance);
  }

  #option(name: string): Option | undefined {
    return this.#command.options.find(({ long }) => long === `--${name}`);
  }
}

function takesNoValue(option: Option): boolean {
  return !option.required && !option.optional;
}

function pathOf(command: Command): string {
  const parent = command.parent?.parent == null ? "" : `${pathOf(command.parent)} `;
  return parent + command.name();
}

/** `bundleEndpointURL` → `bundle-endpoint-url`. */
function kebabOf(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
}
