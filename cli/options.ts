import { type Command, InvalidArgumentError, Option } from "commander";
import { clientSocketPath } from "../runtime/host/default-sockets.ts";
import type { CommandContext } from "./context.ts";
import type { OutputFormat } from "./output.ts";

export interface CommonOptions {
  readonly socket: string;
  readonly output: OutputFormat;
}

/** Where the server is, and as whom to call it. */
export interface ServerOptions extends CommonOptions {
  /** `host:port`; without it the admin socket is used. */
  readonly server?: string;
  readonly workloadSocket?: string;
  readonly serverTrustDomain?: string;
  readonly as?: string;
}

/** On every command that an admin may call from elsewhere: the server's socket or address, and `--output`. */
export function withServerSocket(command: Command, context: CommandContext): Command {
  const remote = [
    new Option("--server <host:port>", "call the API port of a server elsewhere, with an admin's X.509-SVID"),
    new Option("--workload-socket <path>", "the Workload API that gives the SVID (else SPIFFE_ENDPOINT_SOCKET)"),
    new Option("--as <spiffe-id>", "which SVID to use when there are several"),
    new Option("--server-trust-domain <name>", "the server's trust domain, when it is not that of the SVID"),
  ];
  for (const option of remote) command.addOption(option.helpGroup("A server elsewhere:").conflicts("socket"));
  return withLocalServerSocket(command, context);
}

/** `--socket` of the server's admin API and `--output`, on commands that are only served there. */
export function withLocalServerSocket(command: Command, context: CommandContext): Command {
  const { environment, uid } = context;
  const path =
    environment["COUNTERSIGN_SERVER_SOCKET"] ??
    environment["SPIRE_SERVER_PRIVATE_SOCKET"] ??
    clientSocketPath("server", environment, uid);
  return withOutput(
    command.option("--socket <path>", "the server's admin socket (also COUNTERSIGN_SERVER_SOCKET)", path),
  );
}

/** `--socket` of the Workload API, a path or an endpoint's URI, and `--output`. */
export function withAgentSocket(command: Command, context: CommandContext): Command {
  const { environment, uid } = context;
  const path =
    environment["COUNTERSIGN_AGENT_SOCKET"] ??
    environment["SPIFFE_ENDPOINT_SOCKET"] ??
    clientSocketPath("agent", environment, uid);
  return withOutput(
    command.option(
      "--socket <path>",
      "the Workload API's socket (also COUNTERSIGN_AGENT_SOCKET or SPIFFE_ENDPOINT_SOCKET)",
      path,
    ),
  );
}

/** `--socket` of the agent's admin API, which is only served when its settings say where, and `--output`. */
export function withAgentAdminSocket(command: Command, { environment }: CommandContext): Command {
  const option = new Option("--socket <path>", "the agent's admin_socket_path (also COUNTERSIGN_AGENT_ADMIN_SOCKET)");
  const path = environment["COUNTERSIGN_AGENT_ADMIN_SOCKET"];
  return withOutput(command.addOption(path === undefined ? option.makeOptionMandatory() : option.default(path)));
}

export function withOutput(command: Command): Command {
  return command.addOption(
    new Option("--output <format>", "how to print").choices(["pretty", "json"]).default("pretty"),
  );
}

/** Whether the command line asks for JSON; for what is reported before, or instead of, its options. */
export function wantsJson(args: readonly string[]): boolean {
  return args.some(
    (arg, index) => /^--?output=json$/.test(arg) || (/^--?output$/.test(arg) && args[index + 1] === "json"),
  );
}

/** Collects a repeatable flag. An empty value is no value, so that a list can be given as empty. */
export function collect(value: string, sofar: readonly string[] = []): readonly string[] {
  return value === "" ? sofar : [...sofar, value];
}

/** Numbers of SelectorMatch.MatchBehavior and of FederatesWithMatch.MatchBehavior. */
export const selectorMatchings = { exact: 0, subset: 1, superset: 2, any: 3 } as const;

export type SelectorMatching = keyof typeof selectorMatchings;

export function matchingOption(flag: string, description: string): Option {
  return new Option(`${flag} <how>`, description).choices(Object.keys(selectorMatchings)).default("superset");
}

/** A filter with three states: not given, and `true` (also without a value) or `false`. */
export function parseYesNo(text: string): boolean {
  if (text === "true") return true;
  if (text === "false") return false;
  throw new InvalidArgumentError("Use true or false.");
}

/** Lives are int32 on the wire. */
const longestLife = 0x7fff_ffff;

const amount = "(\\d{1,10}(?:\\.\\d{1,9})?)";
const lifeForm = new RegExp(`^(?:${amount}d)?(?:${amount}h)?(?:${amount}m)?(?:${amount}s)?(?:${amount}ms)?$`);

/** Seconds: `3600`, or with units `90s`, `15m`, `1h30m`, `1d`, and as Go writes them `1.5h`, `500ms`; up to the next whole one. */
export function parseLife(text: string): number {
  const match = lifeForm.exec(/^\d{1,10}$/.test(text) ? `${text}s` : text);
  // "1h30" would leave the reader guessing.
  if (match === null || text === "") {
    throw new InvalidArgumentError('Use seconds, or units as in "1h30m".');
  }
  const [days = 0, hours = 0, minutes = 0, seconds = 0, ms = 0] = match.slice(1).map((part) => Number(part ?? 0));
  // 1.1 hours are no more than 3960 s in the arithmetic of computers, too.
  const totalMs = Math.round((days * 86_400 + hours * 3600 + minutes * 60 + seconds) * 1000 + ms);
  const total = Math.ceil(totalMs / 1000);
  if (total > longestLife) throw new InvalidArgumentError(`At most ${longestLife} seconds.`);
  return total;
}

export function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("Use a whole number.");
  return Number(text);
}
